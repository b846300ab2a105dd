//! Small files.

use crate::tidy::source::Source;

const MAX_MEDIAN: usize = 150;
const LONG: usize = 400;

/// The median over all, if it is too large.
pub(crate) fn breaches(sources: &[Source]) -> Vec<String> {
    let median = median(sources.iter().map(|source| source.lines).collect());
    if median <= MAX_MEDIAN {
        return Vec::new();
    }
    vec![format!("crates/*/src: the median file has {median} lines; at most {MAX_MEDIAN}")]
}

/// Files that are long.
pub(crate) fn warnings(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > LONG);
    long.map(|source| format!("{}: {} lines; over {LONG} is long", source.path, source.lines)).collect()
}

fn median(mut lengths: Vec<usize>) -> usize {
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(lengths: &[usize]) -> Vec<Source> {
        let source = |&lines: &usize| Source::parse("x", "x.rs", &"//\n".repeat(lines)).unwrap();
        lengths.iter().map(source).collect()
    }

    #[test]
    fn the_median_counts_and_not_the_longest() {
        assert_eq!(breaches(&sources(&[10, 150, 900])), [""; 0]);
        assert_eq!(breaches(&sources(&[10, 151, 152])).len(), 1);
    }

    #[test]
    fn a_file_over_400_lines_is_a_warning() {
        assert_eq!(warnings(&sources(&[400, 401])).len(), 1);
    }
}
