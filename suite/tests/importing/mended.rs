use crate::{Shop, read};

#[test]
fn what_was_wrong_can_be_mended_and_imported_again() {
    let shop = Shop::new();
    let path = shop.file(
        "shop.csv",
        "reader,book,stars,shelf\n1,1,5,read\n1,2,6,read\n1,3,4\n1,999999,4,read\n1,4,3,\"lent\nout\"\n1,5,2,read\n",
    );
    let errors = shop.path("errors.csv");
    let ended = shop.import(&["ratings", &path, "--errors", &errors]);
    assert!(ended.out.ends_with(": 2 stored, 1 not in the catalogue, 3 wrong\n"), "{}", ended.out);
    let lines: Vec<_> = ended.err.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(lines, ["3", "4", "5", "6"]);
    assert_eq!(
        read(&errors),
        "reader,book,stars,shelf,reason\n\
         1,2,6,read,\"line 3: stars is \"\"6\"\", not 0.5 to 5 in halves\"\n\
         1,3,4,\"line 4: has 3 columns, the header has 4\"\n\
         1,999999,4,read,line 5: the catalogue has no book 999999\n\
         1,4,3,\"lent\nout\",\"line 6: shelf is \"\"lent\\nout\"\", not want_to_read, reading, read or did_not_finish\"\n"
    );
    // As it is, all of it is still wrong.
    let ended = shop.import(&["ratings", &errors]);
    assert!(ended.out.contains(": 0 stored, 1 not in the catalogue, 3 wrong"), "{}", ended.out);
    let mended = read(&errors)
        .replace("1,2,6,", "1,2,4.5,")
        .replace("1,3,4,", "1,3,4,,")
        .replace("999999", "6")
        .replace("\"lent\nout\"", "reading");
    let mended = shop.file("mended.csv", mended);
    let ended = shop.import(&["ratings", &mended, "--errors", &errors]);
    assert!(ended.out.contains(": 4 stored, 0 not in the catalogue, 0 wrong"), "{}{}", ended.out, ended.err);
    assert_eq!(read(&errors), "reader,book,stars,shelf,reason\n");
    let all = shop.export(&[]);
    for entry in ["1,1,5,read,", "1,2,4.5,read,", "1,3,4,,", "1,4,3,reading,", "1,5,2,read,", "1,6,4,read,"] {
        assert!(all.contains(&format!("\n{entry}")), "{entry} in {all}");
    }
    assert_eq!(all.lines().count(), 7);
}

#[test]
fn json_can_be_mended_too() {
    let shop = Shop::new();
    let path = shop.file("shop.jsonl", "{\"reader\":1,\"book\":2,\"stars\":9}\n{\"reader\":1,\"book\":3,\n");
    let errors = shop.path("errors.jsonl");
    shop.import(&["ratings", &path, "--errors", &errors]);
    let list = read(&errors);
    assert_eq!(list.lines().count(), 2, "{list}");
    let mended = list.replace("\"stars\":9", "\"stars\":4.5");
    let mended = mended.lines().next().unwrap().to_owned() + "\n{\"reader\":1,\"book\":3,\"owned\":true}\n";
    let ended = shop.import(&["ratings", &shop.file("mended.jsonl", mended)]);
    assert!(ended.out.contains(": 2 stored, 0 not"), "{}", ended.out);
}

#[test]
fn a_goodreads_library_with_a_wrong_title_can_be_mended() {
    let shop = Shop::new();
    let header = "Book Id,Title,Author,ISBN,ISBN13,My Rating,Date Read,Exclusive Shelf,My Review";
    let path = shop.file(
        "goodreads.csv",
        format!(
            "{header}\n1,The Maltese Falcon,Dashiell Hammett,\"=\"\"0679722645\"\"\",\"=\"\"9780679722649\"\"\",5,2021/03/15,\
             read,\"So,\n\"\"good\"\"\"\n2,Orient Express,A. Christie,=\"\",=\"\",4,,read,\n"
        ),
    );
    let errors = shop.path("errors.csv");
    let ended = shop.import(&["goodreads", &path, "--reader", "7", "--errors", &errors]);
    assert!(ended.out.ends_with(": 1 stored, 1 not in the catalogue, 0 wrong\n"), "{}", ended.out);
    assert_eq!(ended.err, "4\tthe catalogue has no such book: Orient Express by A. Christie\n");
    assert!(
        shop.export(&[]).contains("\n7,1,5,read,false,false,false,2021-03-15T00:00:00Z\n"),
        "{}",
        shop.export(&[])
    );
    let mended = shop.file(
        "mended.csv",
        read(&errors).replace("Orient Express,A.", "Murder on the Orient Express,Agatha"),
    );
    let ended = shop.import(&["goodreads", &mended, "--reader", "7"]);
    assert!(ended.out.contains(": 1 stored, 0 not"), "{} {}", ended.out, ended.err);
    assert_eq!(shop.export(&[]).lines().count(), 3);
}

#[test]
fn a_storygraph_library_with_faults_can_be_mended() {
    let shop = Shop::new();
    let path = shop.file(
        "storygraph.csv",
        "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?\n\
         The Maltese Falcon,Dashiell Hammett,9780679722649,read,3.75,Yes\n\
         Orient Express,Agatha Christie,,did-not-finish,0.25,No\n\
         Ender's Game,Orson Scott Card,,lent,,No\n",
    );
    let errors = shop.path("errors.csv");
    let ended = shop.import(&["storygraph", &path, "--reader", "7", "--errors", &errors]);
    assert!(ended.out.ends_with(": 1 stored, 1 not in the catalogue, 1 wrong\n"), "{}", ended.out);
    let left = read(&errors);
    assert!(
        left.starts_with("Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?,reason\nOrient Express,"),
        "{left}"
    );
    let mended =
        left.replacen("Orient Express", "Murder on the Orient Express", 1).replacen(",lent,", ",to-read,", 1);
    let ended = shop.import(&["storygraph", &shop.file("mended.csv", mended), "--reader", "7"]);
    assert!(ended.out.contains(": 2 stored, 0 not in the catalogue, 0 wrong"), "{}{}", ended.out, ended.err);
    let all = shop.export(&[]);
    for entry in ["7,1,4,read,false,true,", "7,2,0.5,did_not_finish,", "7,5,,want_to_read,"] {
        assert!(all.contains(&format!("\n{entry}")), "{entry} in {all}");
    }
    assert_eq!(all.lines().count(), 4);
}
