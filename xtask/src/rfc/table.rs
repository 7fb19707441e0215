//! The rows of `docs/conformance.tsv`.

use std::path::PathBuf;

/// The columns, as the first line names them.
const COLUMNS: &str = "id\tlevel\trfc\tsection\trequirement\tobeyed-in\ttest\tfamilies";

/// One requirement.
#[derive(Debug)]
pub(crate) struct Row {
    /// The line in the file, from 1.
    pub(crate) line: usize,
    pub(crate) id: String,
    pub(crate) level: Level,
    pub(crate) rfc: String,
    /// The files that obey it.
    pub(crate) obeyed_in: Vec<PathBuf>,
    pub(crate) proof: Proof,
    /// What the tests must cover.
    pub(crate) families: Families,
}

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Must,
    Should,
    May,
    /// An RFC as a whole, by the sentence that can be tested.
    Document,
}

/// What shows that a requirement is obeyed.
#[derive(Debug)]
pub(crate) enum Proof {
    /// Tests (`path::name`) and scripts (a path).
    Tests(Vec<Citation>),
    /// It is not obeyed, and the table says why.
    Waiver,
    /// What is still to be done.
    Missing(String),
}

/// A test by its file and name, or a script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Citation {
    pub(crate) path: PathBuf,
    /// `None` for a script.
    pub(crate) name: Option<String>,
}

/// The versions of IP for which a requirement is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Families {
    V4,
    V6,
    Both,
    /// It is about neither.
    Neither,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Document => "DOCUMENT",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "MUST" | "MUST NOT" => Some(Self::Must),
            "SHOULD" | "SHOULD NOT" | "RECOMMENDED" => Some(Self::Should),
            "MAY" => Some(Self::May),
            "DOCUMENT" => Some(Self::Document),
            _ => None,
        }
    }
}

/// All rows that can be read, and what is wrong with the others.
pub(crate) fn parse(text: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut offences) = (Vec::new(), Vec::new());
    let mut lines = text.lines().zip(1..);
    match lines.next() {
        Some((COLUMNS, _)) => {}
        _ => offences.push(format!("line 1: the columns are not {COLUMNS:?}")),
    }
    for (text, line) in lines {
        match row(text, line) {
            Ok(row) => rows.push(row),
            Err(fault) => offences.push(format!("line {line}: {fault}")),
        }
    }
    (rows, offences)
}

fn row(text: &str, line: usize) -> Result<Row, String> {
    let fields: Vec<&str> = text.split('\t').map(str::trim).collect();
    let [
        id,
        level,
        rfc,
        _section,
        requirement,
        obeyed_in,
        test,
        families,
    ] = fields[..]
    else {
        return Err(format!("{} columns instead of 8", fields.len()));
    };
    if id.is_empty() || requirement.is_empty() {
        return Err("lacks an id or a requirement".to_owned());
    }
    let families = match families {
        "4" => Families::V4,
        "6" => Families::V6,
        "46" => Families::Both,
        "-" => Families::Neither,
        other => return Err(format!("{other:?} are no families: 4, 6, 46 or -")),
    };
    let files = obeyed_in.split(", ").filter(|path| *path != "-");
    Ok(Row {
        line,
        id: id.to_owned(),
        level: Level::parse(level).ok_or_else(|| format!("{level:?} is no level"))?,
        rfc: rfc.to_owned(),
        obeyed_in: files.map(PathBuf::from).collect(),
        proof: proof(test)?,
        families,
    })
}

fn proof(text: &str) -> Result<Proof, String> {
    for (word, make) in [
        ("waiver:", (|_| Proof::Waiver) as fn(String) -> Proof),
        ("missing:", Proof::Missing),
    ] {
        if let Some(reason) = text.strip_prefix(word) {
            let reason = reason.trim();
            return match reason.is_empty() {
                true => Err(format!("{word} lacks its reason")),
                false => Ok(make(reason.to_owned())),
            };
        }
    }
    let citations = text.split(", ").map(|citation| {
        let (path, name) = match citation.split_once("::") {
            Some((path, name)) => (path, Some(name.to_owned())),
            None => (citation, None),
        };
        match path.is_empty() {
            true => Err("neither a test nor a waiver nor missing".to_owned()),
            false => Ok(Citation {
                path: path.into(),
                name,
            }),
        }
    });
    citations.collect::<Result<_, _>>().map(Proof::Tests)
}
