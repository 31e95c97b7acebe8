//! Files of accounts and of the machine's identity.

use super::{Cause, Found};

/// `None` where `path` is none of these files; an empty list where it is and the difference is not known.
pub(super) fn look(path: &[u8], a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    match path {
        b"etc/shadow" | b"etc/shadow-" => Some(shadow(a, b).into_iter().collect()),
        b"etc/machine-id" | b"var/lib/dbus/machine-id" => {
            let known = is_machine_id(a) && is_machine_id(b);
            Some(known.then(|| Found::of(Cause::MachineId)).into_iter().collect())
        }
        _ => None,
    }
}

/// The third field of a line is the day, counted from 1970, of the last change of the password.
fn shadow(a: &[u8], b: &[u8]) -> Option<Found> {
    const DAY: usize = 2;
    let (lines_a, lines_b): (Vec<_>, Vec<_>) = (fields(a), fields(b));
    if lines_a.len() != lines_b.len() {
        return None;
    }
    let mut example = None;
    for (one, other) in lines_a.iter().zip(&lines_b) {
        if one.len() != other.len() {
            return None;
        }
        for (at, (x, y)) in one.iter().zip(other).enumerate().filter(|(_, (x, y))| x != y) {
            let day = |text: &[u8]| text.len() <= 6 && text.iter().all(u8::is_ascii_digit);
            if at != DAY || !day(x) || !day(y) {
                return None;
            }
            let shown = |day: &[u8]| {
                format!("{}: day {}", String::from_utf8_lossy(one[0]), String::from_utf8_lossy(day))
            };
            example.get_or_insert_with(|| Found::with(Cause::ShadowDay, shown(x), shown(y)));
        }
    }
    example
}

fn fields(text: &[u8]) -> Vec<Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b':').collect()).collect()
}

/// 32 hexadecimal digits, or one of the forms that stand for "not yet".
fn is_machine_id(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    matches!(text, b"" | b"uninitialized")
        || text.len() == 32 && text.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;

    #[test]
    fn a_day_is_told_from_a_password() {
        let line = |hash: &str, day: u32| format!("root:*:1:0:99999:7:::\napp:{hash}:{day}:0:99999:7:::\n");
        let of = |a: String, b: String| causes_of("etc/shadow", a.as_bytes(), b.as_bytes());
        assert_eq!(of(line("!", 20_000), line("!", 20_001)), [Cause::ShadowDay]);
        assert_eq!(of(line("!", 20_000), line("!", 20_001) + "new:!:1::::::\n"), []);
        assert_eq!(of(line("!", 20_000), line("$6$salt$hash", 20_001)), [], "a password is no day");
        assert_eq!(of(line("!", 20_000), line("$6$salt$hash", 20_000)), []);
    }

    #[test]
    fn a_machine_id_is_what_looks_like_one() {
        let of = |a: &[u8], b: &[u8]| causes_of("etc/machine-id", a, b);
        let id = [b'a'; 32];
        assert_eq!(of(&id, b"uninitialized\n"), [Cause::MachineId]);
        assert_eq!(of(&id, b"hello\n"), []);
        assert_eq!(causes_of("etc/other", &id, &[b'b'; 32]), [], "elsewhere it is any text");
    }
}
