use super::{Csv, MAX_RECORD, Rejection, Rows as _, TIMES_AGAIN};

/// Reads a whole file. Returns how many lines were rejected for their quotes, the good titles, and how many bytes were
/// read again.
fn read(file: &str) -> (usize, Vec<String>, u64) {
    let (mut csv, _) = Csv::new(file.as_bytes()).unwrap();
    let (mut rejected, mut titles) = (0, Vec::new());
    let mut before = 1;
    while let Some((line, fields)) = csv.next().unwrap() {
        assert!(line > before, "line {line} after line {before}");
        before = line;
        match fields {
            Ok(fields) => titles.push(fields.title),
            Err(Rejection::OpenQuote { .. }) => rejected += 1,
            Err(_) => {}
        }
    }
    assert_eq!(csv.bytes(), file.len() as u64);
    (rejected, titles, csv.records.read_again)
}

#[test]
fn quotes_that_interlock_cost_no_more_than_the_file_is_long() {
    // Each line closes the quote of the line before and opens one of its own, so that a record begun on any line takes in
    // the next thousand.
    for open in [r#"x"y,""#, r#"x",""#] {
        for (lines, width) in [(1_000, 1_000), (20_000, 10)] {
            let line = format!("{open}{}\n", "z".repeat(width));
            let file = format!("title,authors\n{}Dune,Frank Herbert\n", line.repeat(lines));
            let (_, titles, read_again) = read(&file);
            let most = TIMES_AGAIN * (file.len() + MAX_RECORD) as u64 + file.len() as u64;
            assert!(read_again <= most, "{open} {lines} x {width}: {read_again} bytes of {}", file.len());
            assert!(titles.last().is_some_and(|title| title == "Dune"), "{open} {lines} x {width}");
        }
    }
}

#[test]
fn where_quotes_interlock_each_line_stands_for_itself() {
    let bad = format!("x\"y,\"{}\n", "z".repeat(1_000)).repeat(200);
    let file =
        format!("title,authors\n{}", format!("{bad}Dune,\"Frank\nHerbert\"\nEmma,Jane Austen\n").repeat(20));
    let (rejected, titles, _) = read(&file);
    assert!(rejected >= 200 * 20, "{rejected}");
    assert_eq!(titles.iter().filter(|title| *title == "Emma").count(), 20);
}

#[test]
fn a_few_misplaced_quotes_leave_rows_of_several_lines_whole() {
    let rows = "\"Dune,Frank Herbert\n\"Emma\",\"Jane\nAusten\"\n".repeat(100);
    let (rejected, titles, read_again) = read(&format!("title,authors\n{rows}"));
    assert_eq!((rejected, titles.len()), (100, 100), "{titles:?}");
    assert!(read_again <= 2 * rows.len() as u64, "{read_again}");
}
