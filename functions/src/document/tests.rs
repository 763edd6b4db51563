use std::{collections::BTreeMap, time::Duration};

use super::{Size, Table, Wrong};

fn parse(text: &str) -> Result<Table<'_>, Wrong> {
    let variable = |name: &str| (name == "PORT").then(|| "9000".to_owned());
    Table::parse_with("f.toml", text, &variable, &["token"])
}

#[test]
fn values_are_read_as_what_they_are_asked_for() {
    let text =
        "a = 0x10\nb = \"${PORT}\"\nc = true\nd = \"2s\"\ne = [1, 2]\nf = 1.5\ng = { x = \"1\" }\nh = 4096";
    let mut table = parse(text).unwrap();
    assert_eq!(table.take::<u32>("a"), Ok(Some(16)));
    assert_eq!(table.take::<u16>("b"), Ok(Some(9000)));
    assert_eq!(table.take::<bool>("c"), Ok(Some(true)));
    assert_eq!(table.take::<Duration>("d"), Ok(Some(Duration::from_secs(2))));
    assert_eq!(table.take::<Vec<u64>>("e"), Ok(Some(vec![1, 2])));
    assert_eq!(table.take::<f64>("f"), Ok(Some(1.5)));
    let map = BTreeMap::from([("x".to_owned(), "1".to_owned())]);
    assert_eq!(table.take::<BTreeMap<String, String>>("g"), Ok(Some(map)));
    assert_eq!(table.take::<Size>("h"), Ok(Some(Size(4096))));
    assert_eq!(table.take::<u32>("absent"), Ok(None));
    assert_eq!(table.end(), Ok(()));
}

#[test]
fn a_bad_value_is_told_with_file_line_key_and_value() {
    let text =
        "# first\n[limits]\nmemory = \"64 megs\"\ntime = 5\ncalls = -1\nstdin = [\n  1,\n  \"x\",\n]\n";
    let mut table = parse(text).unwrap();
    let mut limits = table.table("limits").unwrap().unwrap();
    let told = limits.take::<Size>("memory").unwrap_err();
    assert_eq!((told.line(), told.key()), (3, Some("limits.memory")));
    assert_eq!(
        told.to_string(),
        "f.toml:3: limits.memory = \"64 megs\": expected a number of bytes, such as 64MiB, 512KiB, 1MB or 4096"
    );
    let told = limits.take::<Duration>("time").unwrap_err().to_string();
    assert!(told.starts_with("f.toml:4: limits.time = 5: expected a number and a unit"), "{told}");
    let told = limits.take::<u32>("calls").unwrap_err().to_string();
    assert_eq!(told, "f.toml:5: limits.calls = -1: expected a whole number from 0 to 4294967295");
    let told = limits.take::<Vec<u32>>("stdin").unwrap_err().to_string();
    assert_eq!(told, "f.toml:8: limits.stdin = \"x\": expected a whole number");
}

#[test]
fn an_unknown_key_is_told_with_what_it_may_have_been_meant_for() {
    let mut table = parse("bind = \"x\"\n\nkeep_alive = 5\nzzz = 1\n").unwrap();
    for key in ["bind", "keepalive"] {
        table.take::<String>(key).unwrap();
    }
    let told = table.end().unwrap_err().to_string();
    assert_eq!(told, "f.toml:3: keep_alive: unknown; did you mean keepalive?");

    let mut table = parse("zzz = 1").unwrap();
    table.take::<String>("bind").unwrap();
    assert_eq!(table.end().unwrap_err().to_string(), "f.toml:1: zzz: unknown; known are bind");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = parse("a = 1\nb = = 2\n").unwrap_err();
    assert_eq!((told.line(), told.key()), (2, None));
    assert!(told.to_string().starts_with("f.toml:2: not TOML: "), "{told}");
    let told = parse("a = 1\na = 2\n").unwrap_err();
    assert_eq!(told.line(), 2, "{told}");
    let told = parse("bind = 1\nworkers = ${PORT:-4}\n").unwrap_err().to_string();
    assert!(told.starts_with("f.toml:2: ") && told.ends_with("stands in quotes"), "{told}");
    for deep in
        ["[".repeat(50_000), format!("a = {}", "[".repeat(50_000)), format!("a = {}", "{a=".repeat(50_000))]
    {
        assert!(parse(&deep).is_err());
    }
}

#[test]
fn variables_stand_in_values_and_are_never_toml() {
    let mut table =
        Table::parse_with("f.toml", "a = \"${X}\"\nb = 1", &|_| Some("1\"\nb = 2".to_owned()), &[]).unwrap();
    assert_eq!(table.take::<String>("a"), Ok(Some("1\"\nb = 2".to_owned())));
    assert_eq!(table.take::<u32>("b"), Ok(Some(1)));

    let told = parse("x = [\"${NONE}\"]").unwrap_err().to_string();
    assert!(told.starts_with("f.toml:1: x = \"${NONE}\": the variable NONE is not set"), "{told}");
    // Without variables, the text is what it is, and no text is a number.
    let mut table = Table::parse("m.toml", "a = \"${PORT}\"\nb = \"5\"").unwrap();
    assert_eq!(table.take::<String>("a"), Ok(Some("${PORT}".to_owned())));
    assert!(table.take::<u32>("b").is_err());
    let mut table = parse("b = \"5\"").unwrap();
    assert!(table.take::<u32>("b").is_err());
}

#[test]
fn secrets_are_not_shown() {
    let mut table = parse("token = \"s3cret\"").unwrap();
    let told = table.take::<u32>("token").unwrap_err().to_string();
    assert_eq!(told, "f.toml:1: token: expected a whole number");
    let told = parse("token = \"s3cret${x\"").unwrap_err().to_string();
    assert!(!told.contains("s3cret"), "{told}");
}

#[test]
fn nor_is_what_lies_within_them_or_is_unknown() {
    let text =
        "[[grants.folders]]\nhost = 's3cret'\n[grants.environment]\n'a.b' = ['s3cret']\n[other]\nhost = 5";
    let mut table = Table::parse_hiding("f.toml", text, &["grants"]).unwrap();
    let mut grants = table.table("grants").unwrap().unwrap();
    let told = grants.take::<BTreeMap<String, String>>("environment").unwrap_err().to_string();
    assert_eq!(told, "f.toml:4: grants.environment.a.b: expected a text in quotes");
    let mut folder = grants.tables("folders").unwrap().remove(0);
    assert_eq!(folder.wrong("host", "why").to_string(), "f.toml:2: grants.folders[1].host: why");
    let told = folder.take::<u32>("host").unwrap_err().to_string();
    assert_eq!(told, "f.toml:2: grants.folders[1].host: expected a whole number");
    assert_eq!(folder.wrong("host", "why").to_string(), "f.toml:2: grants.folders[1].host: why");
    let told = table.table("other").unwrap().unwrap().take::<String>("host").unwrap_err().to_string();
    assert_eq!(told, "f.toml:6: other.host = 5: expected a text in quotes");

    let told = parse("tokn = \"s3cret\"").unwrap().end().unwrap_err().to_string();
    assert_eq!(told, "f.toml:1: tokn: unknown; known are ");
}

#[test]
fn tables_are_read_in_order_and_named_in_faults() {
    let text = "[[routes]]\npath = \"/a\"\n[[routes]]\npath = 5\n";
    let mut table = parse(text).unwrap();
    let mut routes = table.tables("routes").unwrap();
    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0].take::<String>("path"), Ok(Some("/a".to_owned())));
    let told = routes[1].take::<String>("path").unwrap_err().to_string();
    assert_eq!(told, "f.toml:4: routes[2].path = 5: expected a text in quotes");
    let told = routes[1].wrong("function", "missing").to_string();
    assert_eq!(told, "f.toml:3: routes[2].function: missing");
    assert_eq!(routes[0].wrong("path", "taken").to_string(), "f.toml:2: routes[1].path = \"/a\": taken");
    for text in ["routes = 1", "routes = [1]", "[routes]"] {
        assert!(parse(text).unwrap().tables("routes").is_err(), "{text}");
    }
    assert!(parse("limits = 1").unwrap().table("limits").is_err());
}

#[test]
fn json_is_the_same_value() {
    let mut table = parse("v = { a = [1, 2.5, true, 0xff], b = \"x\", c = 2020-01-01 }").unwrap();
    let value = table.take::<serde_json::Value>("v").unwrap().unwrap();
    assert_eq!(value, serde_json::json!({ "a": [1, 2.5, true, 255], "b": "x", "c": "2020-01-01" }));
    for bad in ["nan", "inf", "99999999999999999999"] {
        assert!(parse(&format!("v = {bad}")).unwrap().take::<serde_json::Value>("v").is_err(), "{bad}");
    }
}
