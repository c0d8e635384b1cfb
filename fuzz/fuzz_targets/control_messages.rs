//! What gaol's own processes say to one another: the zygote's, a template's and a launcher's messages.
#![no_main]

use gaol::fuzz;
use gaol_fuzz::{memory, open};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = choose(Unstructured::new(data));
});

fn choose(mut input: Unstructured<'_>) -> Result<()> {
    let number = input.int_in_range(0..=fuzz::CONTROL_MESSAGES + 2)?;
    match number - fuzz::CONTROL_MESSAGES.min(number) {
        0 if number < fuzz::CONTROL_MESSAGES => {
            let bytes = input.take_rest();
            // A message, its bytes again, and for a plan the sets that are made of its ports.
            memory::within((64 << 10) + 256 * bytes.len(), || fuzz::control_message(number, bytes));
        }
        0 => {
            let (descriptors, bytes) = (input.int_in_range(0..=3)?, input.take_rest());
            open::leaves_none(|| match fuzz::zygote_hears(bytes, descriptors) {
                // Nothing comes of a request without the descriptor that it is about.
                Ok(known) => assert!(!known || descriptors > 0),
                Err(_) => assert!(bytes.is_empty(), "only its end is the end of a socket"),
            });
        }
        1 => {
            let (descriptors, bytes) = (input.int_in_range(0..=3)?, input.take_rest());
            open::leaves_none(|| {
                let stays = fuzz::zygote_greets(bytes, descriptors).unwrap_or(false);
                assert!(!stays || descriptors > 0);
            });
        }
        _ => plan(input)?,
    }
    Ok(())
}

/// A plan comes in pieces, after its length.
fn plan(mut input: Unstructured<'_>) -> Result<()> {
    let descriptors = input.int_in_range(0..=2)?;
    let (cut, says) = (input.arbitrary::<u16>()?, gaol_fuzz::damage::number(&mut input)?);
    let honest = input.arbitrary::<bool>()?;
    let bytes = input.take_rest();
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let head = fuzz::plan_head(if honest { bytes.len() as u64 } else { says });
    let messages: Vec<&[u8]> = [&head[..], first, second].into_iter().filter(|piece| !piece.is_empty()).collect();
    open::leaves_none(|| {
        // Memory grows with what has come, not with what was announced.
        let received =
            memory::within((256 << 10) + 256 * bytes.len(), || fuzz::template_receives(&messages, descriptors));
        let is_plan = fuzz::control_message(8, bytes).is_some();
        if honest && let Ok(received) = received {
            assert_eq!(received, is_plan, "it is a plan in pieces as it is in one");
        }
    });
    Ok(())
}
