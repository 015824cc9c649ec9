//! [`parts`]: takes out of a URL what the client does not know.

use percent_encoding::percent_decode_str;

/// A URL, divided.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// What the client reads.
    pub(super) rest: String,
    /// `sslmode`
    pub(super) mode: Option<String>,
    /// `sslrootcert`
    pub(super) roots: Option<String>,
    /// `sslcert`
    pub(super) chain: Option<String>,
    /// `sslkey`
    pub(super) key: Option<String>,
}

impl Parts {
    /// Whether the setting is ours. Of several the last counts.
    fn take(&mut self, key: &str, value: impl FnOnce() -> String) -> bool {
        let taken = match key {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.roots,
            "sslcert" => &mut self.chain,
            "sslkey" => &mut self.key,
            _ => return false,
        };
        *taken = Some(value());
        true
    }
}

/// Divides a URL, or pairs. Whatever is wrong with the rest, the client says.
pub(super) fn parts(url: &str) -> Parts {
    let is_url = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    if is_url { of_url(url) } else { of_pairs(url) }
}

fn of_url(url: &str) -> Parts {
    // As the client finds them: a password may have question marks.
    let credentials = url.find('@').unwrap_or(0);
    let Some(at) = url[credentials..].find('?') else {
        let rest = url.to_owned();
        return Parts {
            rest,
            ..Parts::default()
        };
    };
    let (place, settings) = url.split_at(credentials + at);
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut parts = Parts::default();
    let settings: Vec<&str> = settings[1..]
        .split('&')
        .filter(|setting| {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            !parts.take(&decode(key), || decode(value))
        })
        .collect();
    parts.rest = format!("{place}?{}", settings.join("&"));
    parts
}

fn of_pairs(mut left: &str) -> Parts {
    let mut parts = Parts::default();
    while let Some((key, value, rest)) = pair(left) {
        if !parts.take(key, || value) {
            parts.rest += &left[..left.len() - rest.len()];
        }
        left = rest;
    }
    parts.rest += left;
    parts
}

/// The first pair: its key, its value, and what comes after it. `None` if there is none.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| c.is_whitespace() || c == '=')?;
    let (key, rest) = text.split_at(end);
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quoted = rest.strip_prefix('\'');
    let rest = quoted.unwrap_or(rest);
    let mut value = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' if quoted.is_some() => return Some((key, value, &rest[at + 1..])),
            _ if quoted.is_none() && character.is_whitespace() => {
                return Some((key, value, &rest[at..]));
            }
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    quoted.is_none().then_some((key, value, ""))
}

#[cfg(test)]
mod tests {
    use super::{Parts, parts};

    #[track_caller]
    fn divided(url: &str, rest: &str, mode: Option<&str>, roots: Option<&str>) {
        let expected = Parts {
            rest: rest.to_owned(),
            mode: mode.map(str::to_owned),
            roots: roots.map(str::to_owned),
            ..Parts::default()
        };
        assert_eq!(parts(url), expected, "{url}");
    }

    #[test]
    fn a_url_is_divided() {
        divided("postgres://me@db/shop", "postgres://me@db/shop", None, None);
        divided(
            "postgres://me:p?sslmode=x@db/shop?application_name=a&sslmode=verify-full&sslrootcert=%2Fa%20b&user=c",
            "postgres://me:p?sslmode=x@db/shop?application_name=a&user=c",
            Some("verify-full"),
            Some("/a b"),
        );
        // The last counts, and a key may be encoded.
        divided(
            "postgresql://db?sslmode=disable&sslmod%65=require",
            "postgresql://db?",
            Some("require"),
            None,
        );
        // The client says what is wrong with it.
        divided("postgres://db?sslmode", "postgres://db?", Some(""), None);
        divided("postgres://db?a&b=c", "postgres://db?a&b=c", None, None);
    }

    #[test]
    fn the_client_s_own_certificate_is_taken_out() {
        for url in [
            "postgres://me@db/shop?sslcert=%2Fa&sslkey=%2Fb",
            "user=me sslcert=/a sslkey=/b",
        ] {
            let parts = parts(url);
            assert_eq!(parts.chain.as_deref(), Some("/a"), "{url}");
            assert_eq!(parts.key.as_deref(), Some("/b"), "{url}");
            assert!(!parts.rest.contains("ssl"), "{url}");
        }
    }

    #[test]
    fn pairs_are_divided() {
        divided("host=db user=me", "host=db user=me", None, None);
        divided(
            r"host = db  sslmode = verify-ca password='a sslmode=disable \' b' sslrootcert='/a b' user=me",
            r"host = db password='a sslmode=disable \' b' user=me",
            Some("verify-ca"),
            Some("/a b"),
        );
        divided(
            r"sslrootcert=a\ b sslmode=require",
            "",
            Some("require"),
            Some("a b"),
        );
        divided("sslmode=require sslmode=disable", "", Some("disable"), None);
        // The client says what is wrong with it.
        divided(
            "host=db password='a sslmode=require",
            "host=db password='a sslmode=require",
            None,
            None,
        );
        divided("", "", None, None);
    }
}
