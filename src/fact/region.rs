//! Regions: ISO 3166-1 alpha-2 codes.

use bincode::{Decode, Encode};

/// An ISO 3166-1 alpha-2 code in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Region([u8; 2]);

/// Why a region was refused. `UK` is the trap: the code is `GB`, and a policy that excludes `GB` would let it through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 3166-1 alpha-2 code in capitals such as `US` (the United Kingdom is `GB`)")]
pub struct RegionError;

/// The officially assigned codes, and XK, which most producers use for Kosovo.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW \
TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// A bit for each second letter, by the first.
const ASSIGNED: [u32; 26] = {
    let (codes, mut bits, mut at) = (CODES.as_bytes(), [0; 26], 0);
    while at < codes.len() {
        bits[(codes[at] - b'A') as usize] |= 1 << (codes[at + 1] - b'A');
        at += 3;
    }
    bits
};

impl Region {
    /// Parses a code that is assigned.
    pub fn parse(text: &str) -> Result<Region, RegionError> {
        let &[a, b] = text.as_bytes() else { return Err(RegionError) };
        let is_known = |a: u8, b: u8| ASSIGNED[usize::from(a - b'A')] & 1 << (b - b'A') != 0;
        let known = a.is_ascii_uppercase() && b.is_ascii_uppercase() && is_known(a, b);
        if known { Ok(Region([a, b])) } else { Err(RegionError) }
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_assigned_codes() {
        assert_eq!(CODES.split(' ').count(), 250);
        assert_eq!(ASSIGNED.iter().map(|bits| bits.count_ones()).sum::<u32>(), 250);
        assert!(CODES.split(' ').all(|code| Region::parse(code).map(|r| r.as_str() == code) == Ok(true)));
        for text in ["UK", "EU", "us", "USA", "", "X ", "ZZ", "A@", "[A", "\u{df}"] {
            assert_eq!(Region::parse(text), Err(RegionError), "{text}");
        }
    }
}
