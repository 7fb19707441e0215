//! What a URL asks for.

use std::net::IpAddr;

use url::{Host, Url};

use crate::failure::Failure;

/// A parsed URL, as far as HTTP needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The URL, completed.
    pub(crate) url: String,
    pub(crate) host: HostName,
    pub(crate) port: u16,
    /// For the request line.
    pub(crate) path: String,
    /// For the Host header.
    pub(crate) authority: String,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostName {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Understands a URL; `http://` may be missing.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let complete = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let bad = |why: &str| Failure::usage(format!("{text:?} cannot be fetched: {why}"));
        let url = Url::parse(&complete).map_err(|error| bad(&format!("{error}; check the URL")))?;
        if url.scheme() != "http" {
            return Err(bad(
                "only http:// is spoken so far; https needs TLS, which is not there",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(
                "names and passwords are not sent; use -H for an Authorization header",
            ));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => HostName::Name(name.to_owned()),
            Some(Host::Ipv4(address)) => HostName::Address(address.into()),
            Some(Host::Ipv6(address)) => HostName::Address(address.into()),
            None => return Err(bad("there is no host in it")),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        if port == 0 {
            return Err(bad("nobody can listen on port 0"));
        }
        let query = url
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let authority = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{authority}:{port}"),
            None => authority.to_owned(),
        };
        let path = format!("{}{query}", url.path());
        Ok(Self {
            host,
            port,
            path,
            authority,
            url: url.into(),
        })
    }

    /// The last part of the path, as a file name for `-O`.
    pub(crate) fn file_name(&self) -> Option<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_completed_and_taken_apart() {
        let target = Target::parse("web.lab").unwrap();
        assert_eq!(target.url, "http://web.lab/");
        assert_eq!(
            (target.path.as_str(), target.authority.as_str()),
            ("/", "web.lab")
        );
        assert_eq!((target.port, target.file_name()), (80, None));

        let target = Target::parse("http://[2001:db8::1]:81/a/b.txt?c=d#e").unwrap();
        assert_eq!(
            target.host,
            HostName::Address("2001:db8::1".parse().unwrap())
        );
        assert_eq!((target.port, target.path.as_str()), (81, "/a/b.txt?c=d"));
        assert_eq!(
            (target.authority.as_str(), target.file_name()),
            ("[2001:db8::1]:81", Some("b.txt"))
        );
    }

    #[test]
    fn what_cannot_be_fetched_says_why() {
        for (text, why) in [
            ("https://a/", "TLS"),
            ("ftp://a/", "only http"),
            ("http://a:0/", "port 0"),
            ("http://u:p@a/", "Authorization"),
            ("http://", "check the URL"),
            ("http://a b/", "check the URL"),
        ] {
            let failure = Target::parse(text).unwrap_err();
            assert_eq!(failure.code, 2);
            assert!(failure.message.contains(why), "{}", failure.message);
        }
    }
}
