//! Comma-separated route URIs.

/// Splits at commas. A comma within a query (`filter.labels=a:1,b:2`) does not begin a new URI, because what follows it
/// has no scheme; logspout wants it written `%2C`, which works as well.
pub fn split_list(list: &str) -> Vec<String> {
    let mut uris: Vec<String> = Vec::new();
    for part in list.split(',') {
        match uris.last_mut() {
            Some(uri) if !part.contains("://") && uri.contains('?') => {
                uri.push(',');
                uri.push_str(part);
            }
            _ => uris.push(part.trim().to_owned()),
        }
    }
    uris.retain(|uri| !uri.is_empty());
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_uris_but_not_queries() {
        assert_eq!(split_list("syslog://a:1, raw://b:2"), ["syslog://a:1", "raw://b:2"]);
        assert_eq!(
            split_list("syslog://a:1?filter.sources=stdout,stderr,udp://b:2"),
            ["syslog://a:1?filter.sources=stdout,stderr", "udp://b:2"]
        );
        assert_eq!(
            split_list("syslog://a:1,oops"),
            ["syslog://a:1", "oops"],
            "a mistake is told, not swallowed"
        );
        assert!(split_list(" , ").is_empty());
    }
}
