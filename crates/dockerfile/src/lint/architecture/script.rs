//! The text of a command: what it downloads, and what it compiles for.

use super::names::fixed_value;

/// Programs that download.
const FETCHERS: [&str; 6] = ["curl", "wget", "aria2c", "axel", "invoke-webrequest", "iwr"];
/// Flags that say where to write to.
const OUTPUT: [&str; 3] = ["--output", "--output-document", "-outfile"];

/// Lists the addresses of a command that downloads something. What a command in an address writes is `$_` there.
pub fn downloads(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !words(text).any(|word| fetcher(word).is_some()) {
        return found;
    }
    for command in commands(text) {
        for part in command.split(['\n', ';', '|']).flat_map(|part| part.split("&&")) {
            addresses(part, &mut found);
        }
    }
    found
}

fn addresses(part: &str, found: &mut Vec<String>) {
    let (mut program, mut before) = (None, "");
    for word in words(part) {
        program = program.or_else(|| fetcher(word));
        // An address may stand in a variable above; what begins with a variable is one behind a program that fetches.
        let is_address = word.contains("://") || program.is_some() && word.starts_with('$') && word.contains('/');
        if is_address && (word.contains("://") || !program.is_some_and(|program| writes_to(program, before))) {
            found.push(word.to_owned());
        }
        before = word;
    }
}

/// Takes the commands in `$(...)` out of a text, at any depth, and puts `$_` in their places.
fn commands(text: &str) -> Vec<String> {
    let (mut done, mut outer, mut inner) = (Vec::new(), Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' if letters.next_if_eq(&'(').is_some() => {
                inner.push_str("$_");
                outer.push(std::mem::take(&mut inner));
            }
            ')' if let Some(around) = outer.pop() => done.push(std::mem::replace(&mut inner, around)),
            letter => inner.push(letter),
        }
    }
    // Those that nothing ends are commands all the same.
    done.extend(outer);
    done.push(inner);
    done
}

fn fetcher(word: &str) -> Option<&'static str> {
    let program = word.rsplit('/').next().unwrap_or(word);
    FETCHERS.into_iter().find(|fetcher| fetcher.eq_ignore_ascii_case(program))
}

/// Tells whether the word behind a flag is a file to write to: `-sLo FILE` is one, and so is wget's `-O FILE`, though not curl's.
fn writes_to(program: &str, flag: &str) -> bool {
    let is_short = flag.starts_with('-') && !flag.starts_with("--");
    OUTPUT.contains(&flag) || is_short && (flag.ends_with('o') || program == "wget" && flag.ends_with('O'))
}

/// Lists the architectures that `GOARCH` is set to.
pub fn goarch(text: &str) -> Vec<&str> {
    words(text).filter_map(|word| fixed_value(word.strip_prefix("GOARCH=")?)).collect()
}

/// Returns what stands behind the host of an address.
pub fn path(address: &str) -> Option<&str> {
    let behind = address.split_once("://").map_or(address, |(_, behind)| behind);
    behind.split_once('/').map(|(_, path)| path)
}

/// Cuts at blanks, quotes, brackets and what ends a command.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || "\"'`()<>;|&".contains(letter)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_downloads_are_found() {
        for (text, expected) in [
            ("curl -fsSL https://a/b -o /c/d", &["https://a/b"][..]),
            ("set -e; wget \"https://a/b\" && tar xf b", &["https://a/b"]),
            ("URL=https://a/b && /usr/bin/curl -LO $URL/c", &["URL=https://a/b", "$URL/c"]),
            ("curl -L -o $HOME/x/y https://a/b", &["https://a/b"]),
            ("curl -sSLo $HOME/x/y https://a/b", &["https://a/b"]),
            ("wget -qO $HOME/x/y https://a/b; curl -O $URL/c", &["https://a/b", "$URL/c"]),
            ("curl -LO \"https://a/$(curl -s https://a/$(uname)/stable)/b/c\"", &["https://a/$_/stable", "https://a/$_/b/c"]),
            ("curl $(echo https://a/b", &["https://a/b"]),
            ("git clone https://a/b", &[]),
            ("echo $X/y", &[]),
        ] {
            assert_eq!(downloads(text), expected, "{text}");
        }
    }

    #[test]
    fn goarch_is_read_where_it_is_set() {
        assert_eq!(goarch("CGO_ENABLED=0 GOARCH=amd64 go build"), ["amd64"]);
        assert_eq!(goarch("export GOARCH=\"arm64\"; env GOARCH=386 go build"), ["386"]);
        assert!(goarch("GOARCH=$X go build; echo GOARCH").is_empty());
    }

    #[test]
    fn the_host_is_no_part_of_a_path() {
        assert_eq!(path("https://amd64.example.com/a/b"), Some("a/b"));
        assert_eq!(path("$URL/b"), Some("b"));
        assert_eq!(path("https://example.com"), None);
    }
}
