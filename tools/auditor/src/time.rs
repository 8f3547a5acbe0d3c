//! RFC 3339 for nanoseconds since 1970, as the list of erasures spells it.

/// The time in its own offset: `Z` for none, else hours and minutes; a fraction of a second only where
/// there is one, in 3, 6 or 9 digits.
/// `None` if it is no time that RFC 3339 can write.
pub fn rfc3339(nanoseconds: i64, offset_s: i32) -> Option<String> {
    let local = i128::from(nanoseconds) + i128::from(offset_s) * 1_000_000_000;
    let (seconds, fraction) = (local.div_euclid(1_000_000_000), local.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    if !(0..=9999).contains(&year) || offset_s % 60 != 0 || offset_s.unsigned_abs() >= 86_400 {
        return None;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", second % 60);
    if fraction != 0 {
        text.push_str(&match (fraction % 1_000_000, fraction % 1_000) {
            (0, _) => format!(".{:03}", fraction / 1_000_000),
            (_, 0) => format!(".{:06}", fraction / 1_000),
            _ => format!(".{fraction:09}"),
        });
    }
    if offset_s == 0 {
        text.push('Z');
    } else {
        let (sign, minutes) = (if offset_s < 0 { '-' } else { '+' }, offset_s.unsigned_abs() / 60);
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    Some(text)
}

/// Year, month and day of a number of days since 1970-01-01, in the calendar of ISO 8601.
fn civil(days: i128) -> (i128, i128, i128) {
    // Counted from 0000-03-01, so that the leap day ends a year, and 400 years are 146,097 days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn times_are_written_as_people_write_them() {
        let is = |nanoseconds, offset, text: &str| assert_eq!(rfc3339(nanoseconds, offset).as_deref(), Some(text));
        is(0, 0, "1970-01-01T00:00:00Z");
        is(1_766_188_800_000_000_000, 32_400, "2025-12-20T09:00:00+09:00");
        is(951_782_400_000_000_000, 0, "2000-02-29T00:00:00Z");
        is(1_735_689_599_500_000_000, -12_600, "2024-12-31T20:29:59.500-03:30");
        is(1_000_120_000, 0, "1970-01-01T00:00:01.000120Z");
        is(-10, 0, "1969-12-31T23:59:59.999999990Z");
        assert_eq!(rfc3339(0, 61), None);
    }
}
