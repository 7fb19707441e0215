//! What is sent: the request line, the headers, and the body of an upload.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use handfast_lab::content;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};

use crate::args::RequestArgs;
use crate::failure::{Failure, code};
use crate::target::Target;

/// Bytes of an upload made at once.
const PIECE_LEN: usize = 64 * 1024;

/// A request that can be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) method: Method,
    path: String,
    pub(crate) headers: HeaderMap,
    upload: Upload,
}

/// Where the body comes from.
#[derive(Clone, Debug)]
enum Upload {
    Nothing,
    Bytes(Bytes),
    /// Position-keyed content of this length.
    Content(u64),
    File {
        path: PathBuf,
        len: u64,
    },
}

impl Template {
    /// The request that the command line asks for.
    pub(crate) fn new(target: &Target, args: &RequestArgs) -> Result<Self, Failure> {
        let upload = Upload::new(args)?;
        let method = match upload {
            _ if args.data.is_some() => Method::POST,
            Upload::Nothing if args.head => Method::HEAD,
            Upload::Nothing => Method::GET,
            _ => Method::PUT,
        };
        let mut headers = HeaderMap::new();
        let agent = concat!("handfast/", env!("CARGO_PKG_VERSION"));
        headers.insert(HOST, value(&target.authority)?);
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        for header in &args.header {
            let Some((name, text)) = header.split_once(':') else {
                return Err(Failure::usage(format!(
                    "{header:?} is no header: write -H 'Name: value'"
                )));
            };
            let name = HeaderName::try_from(name.trim());
            let name = name.map_err(|error| Failure::usage(format!("-H {header:?}: {error}")))?;
            headers.insert(name, value(text.trim())?);
        }
        Ok(Self {
            method,
            path: target.path.clone(),
            headers,
            upload,
        })
    }

    /// The request once more.
    pub(crate) fn request(&self) -> Result<Request<SentBody>, Failure> {
        let mut request = Request::new(self.upload.open()?);
        *request.method_mut() = self.method.clone();
        let path = self.path.parse();
        *request.uri_mut() =
            path.map_err(|error| Failure::usage(format!("the path {:?}: {error}", self.path)))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// How many bytes go up.
    pub(crate) fn upload_len(&self) -> u64 {
        self.upload.len()
    }

    /// The lines for `-v`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path)];
        for (name, value) in &self.headers {
            lines.push(format!(
                "{name}: {}",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
        lines
    }
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(text)
        .map_err(|_| Failure::usage(format!("{text:?} cannot stand in a header")))
}

impl Upload {
    fn new(args: &RequestArgs) -> Result<Self, Failure> {
        if let Some(len) = args.upload_bytes {
            return Ok(Self::Content(len));
        }
        if let Some(path) = &args.upload_file {
            return Self::file(path);
        }
        Ok(match args.data.as_deref() {
            None => Self::Nothing,
            Some(data) => match data.strip_prefix('@') {
                Some(path) => return Self::file(Path::new(path)),
                None => Self::Bytes(Bytes::copy_from_slice(data.as_bytes())),
            },
        })
    }

    fn file(path: &Path) -> Result<Self, Failure> {
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self::File {
            path: path.to_owned(),
            len: metadata.len(),
        })
    }

    fn len(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Bytes(bytes) => u64::try_from(bytes.len()).expect("memory has 64 bits at most"),
            Self::Content(len) | Self::File { len, .. } => *len,
        }
    }

    fn open(&self) -> Result<SentBody, Failure> {
        let source = match self {
            Self::Nothing => Source::Nothing,
            Self::Bytes(bytes) => Source::Bytes(bytes.clone()),
            Self::Content(_) => Source::Content,
            Self::File { path, .. } => {
                Source::File(File::open(path).map_err(|error| unreadable(path, &error))?)
            }
        };
        Ok(SentBody {
            source,
            position: 0,
            len: self.len(),
        })
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "cannot read {}: {error}; check the name and rights",
        path.display()
    );
    Failure::new(code::READ, message)
}

/// A body that is sent: of a request, or of an answer of the memory lab's server.
#[derive(Debug)]
pub(crate) struct SentBody {
    source: Source,
    position: u64,
    len: u64,
}

#[derive(Debug)]
enum Source {
    Nothing,
    Bytes(Bytes),
    Content,
    File(File),
}

impl SentBody {
    /// These bytes.
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let len = u64::try_from(bytes.len()).expect("memory has 64 bits at most");
        Self {
            source: Source::Bytes(bytes),
            position: 0,
            len,
        }
    }

    /// So many bytes of the lab's position-keyed content.
    pub(crate) fn content(len: u64) -> Self {
        Self {
            source: Source::Content,
            position: 0,
            len,
        }
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let left = self.len - self.position;
        let piece_len = usize::try_from(left).unwrap_or(PIECE_LEN).min(PIECE_LEN);
        if piece_len == 0 {
            return Ok(None);
        }
        let piece = match &mut self.source {
            Source::Nothing => return Ok(None),
            Source::Bytes(bytes) => bytes.split_to(piece_len),
            Source::Content => {
                let mut piece = vec![0; piece_len];
                content::fill(self.position, &mut piece);
                Bytes::from(piece)
            }
            Source::File(file) => {
                let mut piece = vec![0; piece_len];
                // A file that became shorter meanwhile ends the request with an error.
                file.read_exact(&mut piece)?;
                Bytes::from(piece)
            }
        };
        self.position += u64::try_from(piece_len).expect("a piece is small");
        Ok(Some(piece))
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.next().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.position == self.len
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len - self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(args: &str) -> Result<Template, Failure> {
        use clap::Parser;
        let words = ["handfast", "get", "http://a/p"]
            .into_iter()
            .chain(args.split('|'));
        let words = words.filter(|word| !word.is_empty());
        let line = crate::args::CommandLine::try_parse_from(words).unwrap();
        let crate::args::Command::Get(args) = line.command else {
            panic!("it is a get")
        };
        Template::new(&Target::parse("http://a/p").unwrap(), &args.request)
    }

    fn body(template: &Template) -> Vec<u8> {
        let mut body = template.request().unwrap().into_body();
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().unwrap() {
            bytes.extend_from_slice(&piece);
        }
        assert!(body.is_end_stream());
        bytes
    }

    #[test]
    fn the_method_follows_from_what_is_sent() {
        for (args, method, len) in [
            ("", Method::GET, 0),
            ("-I", Method::HEAD, 0),
            ("-d|abc", Method::POST, 3),
            ("--upload-bytes|200000", Method::PUT, 200_000),
            (
                "-T|Cargo.toml",
                Method::PUT,
                std::fs::metadata("Cargo.toml").unwrap().len(),
            ),
        ] {
            let template = template(args).unwrap();
            assert_eq!(template.method, method, "{args}");
            assert_eq!(u64::try_from(body(&template).len()).unwrap(), len, "{args}");
        }
    }

    #[test]
    fn uploaded_content_verifies() {
        let mut verifier = content::Verifier::new();
        verifier.update(&body(&template("--upload-bytes|150001").unwrap()));
        assert_eq!((verifier.len(), verifier.mismatch()), (150_001, None));
    }

    #[test]
    fn headers_are_added_and_replaced() {
        let template = template("-H|X-Answer: 42|-H|host: other").unwrap();
        assert_eq!(template.headers["x-answer"], "42");
        assert_eq!(template.headers["host"], "other");
    }

    #[test]
    fn bad_headers_and_files_are_named() {
        assert_eq!(template("-H|nonsense").unwrap_err().code, code::USAGE);
        assert_eq!(template("-H|a b: c").unwrap_err().code, code::USAGE);
        let failure = template("-T|/no/such/file").unwrap_err();
        assert_eq!(failure.code, code::READ);
        assert!(failure.message.contains("/no/such/file"));
    }
}
