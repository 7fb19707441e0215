//! The tests of one source file: their names, and whether each runs on both versions of IP.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A loop over a constant of this name covers both versions of IP.
const BOTH: &str = "FAMILIES";
/// This macro makes the tests `name::v4` and `name::v6` of each function that it lists.
const MACRO: &str = "both_families";

/// How a test covers the versions of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Two tests, `name::v4` and `name::v6`.
    Two,
    /// One test that goes through both.
    Loop,
    /// One test that says nothing of versions.
    One,
}

/// The tests in `text` by name; `None` when it cannot be parsed.
pub(crate) fn tests(text: &str) -> Option<BTreeMap<String, Coverage>> {
    let file = syn::parse_file(text).ok()?;
    let mut reader = Reader::default();
    reader.visit_file(&file);
    Some(reader.tests)
}

#[derive(Default)]
struct Reader {
    tests: BTreeMap<String, Coverage>,
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let is_test = |attribute: &syn::Attribute| {
            let path = attribute.path();
            path.segments
                .last()
                .is_some_and(|last| last.ident == "test")
        };
        if function.attrs.iter().any(is_test) {
            let mut mention = Mention::default();
            mention.visit_block(&function.block);
            let coverage = mention.coverage();
            self.tests.insert(function.sig.ident.to_string(), coverage);
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let name = item.mac.path.segments.last();
        let Some(name) = name.map(|segment| segment.ident.to_string()) else {
            return;
        };
        // The definition of the macro itself lists nothing.
        if item.ident.is_some() {
            return;
        }
        let tokens = item.mac.tokens.clone();
        if name == MACRO {
            let names = tokens.into_iter().filter_map(|token| match token {
                TokenTree::Ident(ident) => Some((ident.to_string(), Coverage::Two)),
                _ => None,
            });
            self.tests.extend(names);
        } else if name == "proptest" {
            self.tests.extend(properties(tokens));
        }
    }
}

/// Whether a function's body names the constant.
#[derive(Default)]
struct Mention {
    found: bool,
}

impl Mention {
    fn coverage(&self) -> Coverage {
        if self.found {
            Coverage::Loop
        } else {
            Coverage::One
        }
    }
}

impl<'ast> Visit<'ast> for Mention {
    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        self.found |= ident == BOTH;
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.found |= mentions(item.tokens.clone(), BOTH);
    }
}

fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}

/// The functions behind `#[test]` in the macro `proptest`.
fn properties(tokens: TokenStream) -> Vec<(String, Coverage)> {
    let mut found = Vec::new();
    let (mut is_test, mut name) = (false, None);
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_test |= group.stream().to_string() == "test";
            }
            TokenTree::Ident(ident) if ident == "fn" => {
                if let Some(TokenTree::Ident(ident)) = tokens.peek() {
                    name = Some(ident.to_string());
                }
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if let Some(name) = name.take().filter(|_| is_test) {
                    let found_both = mentions(group.stream(), BOTH);
                    let mention = Mention { found: found_both };
                    found.push((name, mention.coverage()));
                }
                is_test = false;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_properties_and_pairs_are_found_and_nothing_else() {
        let text = r#"
            both_families!(of_both, as_well,);
            fn of_both(family: Family) {}
            fn no_test() { for family in FAMILIES {} }
            macro_rules! both_families { ($name:ident) => {} }
            mod inner {
                #[test]
                fn one() { assert!(true); }
                #[test]
                #[should_panic]
                fn through_both() { for family in FAMILIES { assert!(family); } }
                #[tokio::test]
                async fn late() {}
            }
            proptest! {
                #![proptest_config(config())]
                /// Words.
                #[test]
                fn property(x in 0..3, y in any::<u8>()) { prop_assert!(x < 3); }
                fn helper(x in 0..3) { }
                #[test]
                fn other(x in 0..3) { for family in super::FAMILIES { } }
            }
        "#;
        let found: Vec<_> = tests(text).unwrap().into_iter().collect();
        let expected = [
            ("as_well", Coverage::Two),
            ("late", Coverage::One),
            ("of_both", Coverage::Two),
            ("one", Coverage::One),
            ("other", Coverage::Loop),
            ("property", Coverage::One),
            ("through_both", Coverage::Loop),
        ];
        assert_eq!(
            found,
            expected.map(|(name, coverage)| (name.to_owned(), coverage))
        );
    }
}
