//! Text of others, shown so that a terminal shows it and does not obey it.
//!
//! A build's log, a file's name or a label may hold anything; what a terminal takes for a command is written out.

/// `text` with its control characters written out, as `\u{1b}`, but for line breaks and tabs.
pub fn lines(text: &str) -> String {
    written_out(text, |letter| matches!(letter, '\n' | '\t'))
}

/// The same in one line: line breaks and tabs are written out too.
pub fn line(text: &str) -> String {
    written_out(text, |_| false)
}

fn written_out(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && !stays(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builds_log_cannot_command_the_terminal() {
        let said = lines("failed:\n\t100 %\r\u{1b}[2Jgone \u{9b}31m\u{7}, 40–60 %");
        assert_eq!(said, "failed:\n\t100 %\\r\\u{1b}[2Jgone \\u{9b}31m\\u{7}, 40–60 %");
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(line("a\nb\u{1b}c"), "a\\nb\\u{1b}c");
    }
}
