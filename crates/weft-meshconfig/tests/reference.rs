//! The reference page says what the types say.

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "whether the page is to be written is the test's setting"
)]
fn the_reference_page_is_that_of_the_types() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mesh-config.md");
    let page = weft_meshconfig::reference();
    if std::env::var("WEFT_WRITE_DOCS").is_ok() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "run WEFT_WRITE_DOCS=1 cargo test -p weft-meshconfig --test reference"
    );
}
