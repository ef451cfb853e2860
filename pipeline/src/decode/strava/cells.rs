//! Dates and numbers as an account's language writes them.

use jiff::civil;
use jiff::tz::TimeZone;

use super::languages::MONTHS;

/// A number with a decimal point or comma, with or without separated
/// thousands; `None` for empty cells and for what is no number.
pub(super) fn number(cell: &str, decimal_comma: Option<bool>) -> Option<f64> {
    let compact: String = cell
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '\u{2019}'))
        .collect();
    let (comma, point) = (compact.rfind(','), compact.rfind('.'));
    let comma_is_decimal = match (comma, point) {
        (Some(comma), Some(point)) => comma > point,
        // `1,234` is a thousand and more in English and little over one in
        // German; where the language is not known, three digits decide.
        (Some(comma), None) => decimal_comma.unwrap_or(compact.len() - comma - 1 != 3),
        (None, _) => false,
    };
    let plain = if comma_is_decimal {
        compact.replace('.', "").replace(',', ".")
    } else {
        compact.replace(',', "")
    };
    plain.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `true` and `false`, also as 1 and 0.
pub(super) fn truth(cell: &str) -> Option<bool> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" => Some(true),
        "false" | "0" | "0.0" => Some(false),
        _ => None,
    }
}

/// The instant of a date cell in Unix ms: Strava writes UTC without saying so,
/// in the order and with the month names of the account's language.
pub(super) fn instant_ms(cell: &str) -> Option<i64> {
    let tokens = tokens(cell);
    let mut numbers = Vec::with_capacity(6);
    let (mut month, mut afternoon) = (None, None);
    for (at, token) in tokens.iter().enumerate() {
        // Spanish parts the two letters of `p. m.`
        let before_m = matches!(tokens.get(at + 1), Some(Token::Word(next)) if next == "m");
        match token {
            Token::Number(number) => numbers.push(*number),
            Token::Word(word) => match word.as_str() {
                "am" | "上午" => afternoon = Some(false),
                "pm" | "下午" => afternoon = Some(true),
                "a" if before_m => afternoon = Some(false),
                "p" if before_m => afternoon = Some(true),
                _ => {
                    let number = MONTHS
                        .iter()
                        .position(|names| names.contains(&word.as_str()));
                    month = month.or(number.map(|at| at as i64 + 1));
                }
            },
        }
    }
    let (day_of_month, clock) = match month {
        Some(_) => numbers.split_at_checked(2)?,
        None => numbers.split_at_checked(3)?,
    };
    let (year, month, day) = date(day_of_month, month, cell)?;
    let &[hour, minute, ref second @ ..] = clock else {
        return None;
    };
    let hour = match afternoon {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_afternoon) => hour % 12 + if is_afternoon { 12 } else { 0 },
        None => hour,
    };
    let part = |value: i64| i8::try_from(value).ok();
    let second = part(second.first().copied().unwrap_or(0))?;
    let date = civil::Date::new(i16::try_from(year).ok()?, part(month)?, part(day)?).ok()?;
    let time = civil::Time::new(part(hour)?, part(minute)?, second, 0).ok()?;
    let instant = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
    Some(instant.timestamp().as_millisecond())
}

/// Year, month and day out of the numbers before the clock.
fn date(numbers: &[i64], month: Option<i64>, cell: &str) -> Option<(i64, i64, i64)> {
    const FIRST_YEAR: i64 = 1_000;
    match (numbers, month) {
        (&[year, day], Some(month)) if year >= FIRST_YEAR => Some((year, month, day)),
        (&[day, year], Some(month)) => Some((year, month, day)),
        (&[year, month, day], None) if year >= FIRST_YEAR => Some((year, month, day)),
        // Only Americans put the month first, and only with slashes.
        (&[month, day, year], None) if day > 12 && cell.contains('/') => Some((year, month, day)),
        (&[day, month, year], None) => Some((year, month, day)),
        _ => None,
    }
}

enum Token {
    Number(i64),
    Word(String),
}

/// The words and numbers of a cell, words in lower case. `p.m.` is one word.
fn tokens(cell: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = cell;
    while let Some(first) = rest.chars().next() {
        let is_digit = |c: char| c.is_ascii_digit();
        let in_word = |c: char| c.is_alphabetic() || c == '.';
        let length = if is_digit(first) {
            rest.find(|c| !is_digit(c)).unwrap_or(rest.len())
        } else if first.is_alphabetic() {
            rest.find(|c| !in_word(c)).unwrap_or(rest.len())
        } else {
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        match token.parse() {
            Ok(number) => tokens.push(Token::Number(number)),
            Err(_) => tokens.push(Token::Word(token.replace('.', "").to_lowercase())),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_any_language() {
        for cell in [
            "May 9, 2026, 2:03:01 PM",
            "May 9, 2026, 2:03:01\u{202f}PM",
            "9 May 2026, 14:03:01",
            "09.05.2026, 14:03:01",
            "9. Mai 2026, 14:03:01",
            "9 mai 2026 à 14:03:01",
            "9 mei 2026, 14:03:01",
            "9 may 2026, 2:03:01 p. m.",
            "9 may 2026, 2:03:01 p.m.",
            "9 de mai. de 2026, 14:03:01",
            "9 mag 2026, 14:03:01",
            "2026年5月9日 14:03:01",
            "2026年5月9日 下午2:03:01",
            "2026-05-09 14:03:01",
            "2026/05/09 14:03:01",
            "09/05/2026, 14:03:01",
        ] {
            assert_eq!(instant_ms(cell), Some(1_778_335_381_000), "{cell}");
        }
        assert_eq!(
            instant_ms("5/29/2026 0:03"),
            instant_ms("29.05.2026, 00:03:00")
        );
        assert_eq!(
            instant_ms("May 9, 2026, 12:00:00 AM"),
            instant_ms("2026-05-09 00:00:00")
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for cell in [
            "",
            "#error#",
            "May 9, 2026",
            "31.02.2026, 00:00:00",
            "25:00",
            "May 9, 2026, 13:00 PM",
        ] {
            assert_eq!(instant_ms(cell), None, "{cell}");
        }
    }

    #[test]
    fn numbers_of_any_language() {
        assert_eq!(
            number("3322.949951171875", Some(false)),
            Some(3_322.949951171875)
        );
        assert_eq!(number("9,44", Some(true)), Some(9.44));
        assert_eq!(number("1,234", Some(false)), Some(1_234.0));
        assert_eq!(number("1,234", Some(true)), Some(1.234));
        assert_eq!(number("1,234", None), Some(1_234.0));
        assert_eq!(number("12,5", None), Some(12.5));
        assert_eq!(number("1.234,5", None), Some(1_234.5));
        assert_eq!(number("1\u{202f}234,5", Some(true)), Some(1_234.5));
        for cell in ["", "#error#", "-", "NaN"] {
            assert_eq!(number(cell, None), None, "{cell}");
        }
    }
}
