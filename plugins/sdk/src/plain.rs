//! Text from outside as it may stand in a sentence.

/// `text` in one line of at most `most` characters, without blanks around it: a blank stands for each character that controls
/// a terminal, a line or the direction of writing, and `…` for what is left out.
pub fn plain_line(text: &str, most: usize) -> String {
    let plain = |c: char| if is_plain(c) { c } else { ' ' };
    let line: String = text.chars().map(plain).collect();
    let line = line.trim();
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Whether a character shows itself and nothing else.
pub fn is_plain(c: char) -> bool {
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    let directs =
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    !(c.is_control() || separates || directs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_shows_itself_is_left() {
        let text = " a\nb\u{1b}[31m\u{85}c\u{2028}d\u{202e}e ";

        assert_eq!(plain_line(text, 100), "a b [31m c d e");
        assert_eq!(plain_line("größer", 3), "grö…");
        assert_eq!(plain_line("größer", 6), "größer");
    }
}
