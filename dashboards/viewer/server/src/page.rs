//! The built page: files that were there at the start, each with its type, packed where a packed one lies beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use agent_core::server::{Body, reply};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};

use crate::answer::{Refusal, guarded, json};

/// What a browser is told of a file, by the end of its name.
const TYPES: [(&str, &str); 9] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("woff2", "font/woff2"),
];
/// Folders deeper than this are not looked into.
const DEPTH: usize = 8;

#[derive(Debug)]
struct File {
    path: PathBuf,
    packed: bool,
    content_type: &'static str,
    tag: HeaderValue,
}

/// The page's files by their paths on the server. What is not among them is not read.
#[derive(Debug)]
pub struct Page(BTreeMap<String, File>);

impl Page {
    /// Lists a folder; an error if it has no `index.html`.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        list(folder, "", DEPTH, &mut files)?;
        if files.contains_key("/index.html") {
            Ok(Self(files))
        } else {
            Err(io::Error::new(io::ErrorKind::NotFound, "it has no index.html"))
        }
    }

    /// One file.
    pub async fn answer(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let Some(file) = self.0.get(path) else {
            return json(Err(Refusal::NotFound(format!("there is no page {path}"))));
        };
        let asked = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let mut response = if headers.get(IF_NONE_MATCH) == Some(&file.tag) {
            reply(StatusCode::NOT_MODIFIED, file.content_type, "")
        } else {
            let packed = file.packed && asked(ACCEPT_ENCODING).is_some_and(|accept| accept.contains("gzip"));
            let mut path = file.path.clone().into_os_string();
            if packed {
                path.push(".gz");
            }
            match tokio::fs::read(&path).await {
                Ok(content) => {
                    let mut response = reply(StatusCode::OK, file.content_type, content);
                    if packed {
                        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                    }
                    response
                }
                Err(error) => {
                    return json(Err(Refusal::NotFound(format!("{}: {error}", file.path.display()))));
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, file.tag.clone());
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        guarded(response)
    }
}

fn list(folder: &Path, prefix: &str, depth: usize, files: &mut BTreeMap<String, File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else { continue };
        let below = format!("{prefix}/{name}");
        let metadata = entry.metadata()?;
        if metadata.is_dir() && depth > 0 {
            list(&path, &below, depth - 1, files)?;
        } else if metadata.is_file()
            && let Some(content_type) = content_type(&name)
        {
            let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let tag = HeaderValue::from_str(&format!("\"{:x}-{changed:x}\"", metadata.len()));
            let packed = path.with_file_name(format!("{name}.gz")).is_file();
            if let Ok(tag) = tag {
                files.insert(below, File { path, packed, content_type, tag });
            }
        }
    }
    Ok(())
}

fn content_type(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    TYPES.iter().find(|(known, _)| *known == end).map(|(_, content_type)| *content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> (tempfile::TempDir, Page) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        for (name, text) in [
            ("index.html", "<html>"),
            ("app/main.js", "plain"),
            ("app/main.js.gz", "packed"),
            ("key.pem", ""),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let page = Page::read(folder.path()).unwrap();
        (folder, page)
    }

    fn headers(name: hyper::header::HeaderName, value: &HeaderValue) -> HeaderMap {
        HeaderMap::from_iter([(name, value.clone())])
    }

    #[tokio::test]
    async fn only_known_files_are_served() {
        let (_folder, page) = page();
        assert_eq!(page.answer("/index.html", &HeaderMap::new()).await.status(), 200);
        for path in ["/", "/key.pem", "/app", "/app/../index.html", "/../etc/passwd", "/app/main.js.gz"] {
            assert_eq!(page.answer(path, &HeaderMap::new()).await.status(), 404, "{path}");
        }
    }

    #[tokio::test]
    async fn packed_and_unchanged() {
        let (_folder, page) = page();
        let gzip = headers(ACCEPT_ENCODING, &HeaderValue::from_static("gzip, br"));
        let answer = page.answer("/app/main.js", &gzip).await;
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        assert!(
            !page.answer("/app/main.js", &HeaderMap::new()).await.headers().contains_key(CONTENT_ENCODING)
        );
        let again = headers(IF_NONE_MATCH, &answer.headers()[ETAG]);
        assert_eq!(page.answer("/app/main.js", &again).await.status(), 304);
    }

    #[test]
    fn a_folder_without_a_page_is_an_error() {
        assert!(Page::read(tempfile::tempdir().unwrap().path()).is_err());
    }
}
