//! As much of a shell as documents need.

/// The commands of a text, each as its words. Comments are left out; quotes are taken off; what a shell would put in place of `$…` stays
/// as it is.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next_if_eq(&'\n').is_some() => {}
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                word.extend(letters.by_ref().take_while(|next| *next != letter));
            }
            '$' if letters.peek() == Some(&'(') => {
                let word = word.get_or_insert_default();
                word.push('$');
                word.extend(letters.by_ref().take_while(|next| *next != ')'));
            }
            '#' if word.is_none() => while letters.next_if(|next| *next != '\n').is_some() {},
            '\n' | ';' | '|' | '&' | ' ' => {
                words.extend(word.take());
                if letter != ' ' && !words.is_empty() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    commands.extend(Some(words).filter(|words| !words.is_empty()));
    commands
}

#[test]
fn commands_are_told_apart() {
    let text =
        "one 'two three' \\\n  four   # not this\n# nor this\nA=\"b c\" five && six; seven $(eight nine)\n";
    let expected: [&[&str]; 4] =
        [&["one", "two three", "four"], &["A=b c", "five"], &["six"], &["seven", "$(eight nine"]];
    assert_eq!(commands(text), expected);
    assert_eq!(commands("a 'b\nc'"), [["a", "b\nc"]]);
}
