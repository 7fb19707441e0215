//! Tables in a page that is written by hand: each stands between two marks and is replaced there.

/// `page` with `table` between the marks of `name`: `<!-- bench NAME -->` and `<!-- end NAME -->`.
///
/// # Errors
/// When a mark is missing, or they are the wrong way round; the text says which.
pub fn splice(page: &str, name: &str, table: &str) -> Result<String, String> {
    let [begin, end] = ["bench", "end"].map(|word| format!("<!-- {word} {name} -->"));
    let at = |mark: &str| {
        page.find(mark)
            .ok_or_else(|| format!("the page has no mark {mark}"))
    };
    let (from, to) = (at(&begin)? + begin.len(), at(&end)?);
    if to < from {
        return Err(format!("{end} stands before {begin}"));
    }
    Ok(format!("{}\n{table}\n{}", &page[..from], &page[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        let page = "before\n<!-- bench a -->\nold\n<!-- end a -->\nbehind";
        let spliced = splice(page, "a", "new").expect("both marks are there");
        assert_eq!(
            spliced,
            "before\n<!-- bench a -->\nnew\n<!-- end a -->\nbehind"
        );
        assert_eq!(splice(&spliced, "a", "new"), Ok(spliced.clone()));
    }

    #[test]
    fn a_page_without_marks_is_refused() {
        assert!(splice("nothing", "a", "new").is_err());
        assert!(splice("<!-- end a --><!-- bench a -->", "a", "new").is_err());
    }
}
