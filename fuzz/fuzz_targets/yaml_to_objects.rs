//! Text to objects: whatever a file holds, reading ends, with documents or one error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match weft_api::yaml::read(text, "input.yaml") {
        Ok(documents) => {
            for document in documents {
                let (_, problems) = weft_model::validate_object(&document.value);
                for problem in problems {
                    drop(problem.located(&document).to_string());
                }
            }
        }
        Err(error) => drop(error.to_string()),
    }
});
