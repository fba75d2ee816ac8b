//! Which parts of a process are clean copies of object files.
//! In: the text of `/proc/self/smaps`. Out: ranges. Never: I/O.
//! Why only what adjoins code: other views of a file may be unmapped by whoever made them, an object's own may not.

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

#[derive(Debug)]
struct Entry<'a> {
    start: usize,
    end: usize,
    code: bool,
    path: &'a str,
    /// Nothing of it can differ from the file.
    clean: bool,
}

/// Code, and constants beside code, of which no page was written.
pub(crate) fn clean_objects(smaps: &str) -> Vec<Mapping> {
    let entries = entries(smaps);
    let code: Vec<&Entry<'_>> = entries.iter().filter(|e| e.code && e.clean).collect();
    let adjoins = |e: &Entry<'_>| {
        code.iter().any(|c| c.path == e.path && (c.end == e.start || c.start == e.end))
    };
    let wanted = entries.iter().filter(|e| e.clean && (e.code || adjoins(e)));
    wanted.map(|e| Mapping { start: e.start, length: e.end - e.start }).collect()
}

fn entries(smaps: &str) -> Vec<Entry<'_>> {
    let mut found: Vec<Entry<'_>> = Vec::new();
    for line in smaps.lines() {
        if let Some(entry) = header(line) {
            found.push(entry);
        } else if let (Some(last), Some(size)) = (found.last_mut(), line.strip_prefix("Anonymous:"))
        {
            last.clean &= size.trim() == "0 kB";
        }
    }
    found
}

/// `start-end permissions offset device inode path`; the lines of figures below have no such first word.
fn header(line: &str) -> Option<Entry<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let (start, end) = (number(start)?, number(end)?);
    let permissions = rest.split(' ').next()?;
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    let private_file =
        permissions.starts_with('r') && permissions.ends_with('p') && !path.is_empty();
    let clean = private_file && !permissions.contains('w') && start < end;
    Some(Entry { start, end, code: permissions.contains('x'), path, clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smaps(lines: &[(&str, &str)]) -> String {
        let entry = |(header, anonymous): &(&str, &str)| {
            format!("{header}\nSize:  8 kB\nAnonymous:  {anonymous} kB\nVmFlags: rd ex mr\n")
        };
        lines.iter().map(entry).collect()
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)], expected: &[(usize, usize)]) {
        let found = clean_objects(&smaps(lines));
        let found: Vec<_> = found.iter().map(|m| (m.start, m.length)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn code_and_the_constants_beside_it_are_clean() {
        let constants = ("1000-3000 r--p 00000000 fe:00 42    /bin/proxy", "0");
        let code = ("3000-9000 r-xp 00002000 fe:00 42    /bin/proxy", "0");
        check(&[constants, code], &[(0x1000, 0x2000), (0x3000, 0x6000)]);
    }

    #[test]
    fn what_was_relocated_is_kept() {
        let code = ("3000-9000 r-xp 00002000 fe:00 42 /bin/proxy", "0");
        let relocated = ("9000-a000 r--p 00008000 fe:00 42 /bin/proxy", "4");
        check(&[code, relocated], &[(0x3000, 0x6000)]);
    }

    #[test]
    fn code_with_a_breakpoint_and_all_beside_it_is_kept() {
        let constants = ("1000-3000 r--p 00000000 fe:00 42 /bin/proxy", "0");
        let code = ("3000-9000 r-xp 00002000 fe:00 42 /bin/proxy", "4");
        check(&[constants, code], &[]);
    }

    #[test]
    fn data_heap_and_views_of_files_are_kept() {
        check(
            &[
                ("3000-9000 rw-p 00002000 fe:00 42 /bin/proxy", "0"),
                ("9000-a000 rw-p 00000000 00:00 0 [heap]", "0"),
                ("b000-c000 r-xp 00000000 00:00 0 [vdso]", "0"),
                ("c000-d000 r--p 00000000 fe:00 7 /tmp/a view", "0"),
                ("d000-e000 r-xs 00000000 fe:00 7 /tmp/shared", "0"),
                ("e000-f000 r-xp 00000000 00:00 0", "0"),
            ],
            &[],
        );
    }

    #[test]
    fn a_view_that_lies_beside_the_code_of_another_file_is_kept() {
        let view = ("1000-3000 r--p 00000000 fe:00 7 /tmp/view", "0");
        let code = ("3000-9000 r-xp 00002000 fe:00 42 /bin/proxy", "0");
        check(&[view, code], &[(0x3000, 0x6000)]);
    }
}
