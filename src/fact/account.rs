//! Accounts: `<app>/<id>`.

/// An account as `<app>/<id>`, such as `facebook/s1`: the app in lower case, the id as the app writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(String);

/// Longest account accepted, in bytes.
const MAX_LEN: usize = 256;

/// Why an account was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an account `<app>/<id>`: app of a-z, 0-9, `_`, `-` or `.`, then an id without spaces, {MAX_LEN} bytes at most"
)]
pub struct AccountError;

impl Account {
    /// Parses `<app>/<id>`.
    pub fn parse(text: &str) -> Result<Account, AccountError> {
        Account::check(text).map(|()| Account(text.to_owned()))
    }

    /// What [`Account::parse`] says of it.
    pub(crate) fn check(text: &str) -> Result<(), AccountError> {
        let (app, id) = text.split_once('/').ok_or(AccountError)?;
        let app_ok = app.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b));
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/';
        let id_ok = if id.is_ascii() { !id.bytes().any(|b| odd(b.into())) } else { !id.chars().any(odd) };
        if app.is_empty() || id.is_empty() || !app_ok || !id_ok || text.len() > MAX_LEN {
            return Err(AccountError);
        }
        Ok(())
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The app of an account's text: what stands before the slash.
pub(crate) fn app_of(account: &str) -> &str {
    account.split_once('/').map_or(account, |(app, _)| app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_app_and_id_and_nothing_else() {
        assert_eq!(Account::parse("facebook/s1").expect("valid").as_str(), "facebook/s1");
        assert_eq!(app_of("facebook/s1"), "facebook");
        for text in ["", "facebook", "/s1", "facebook/", "Facebook/s1", "facebook/a b", "facebook/a/b", "f b/s"] {
            assert_eq!(Account::parse(text), Err(AccountError), "{text}");
        }
        assert_eq!(Account::parse(&format!("facebook/{}", "x".repeat(300))), Err(AccountError));
    }
}
