//! How the words of a written summary are chosen: the likeliest, or drawn.

use std::num::NonZeroUsize;

use super::{Faults, Style};
use crate::{
    inference::decode::{Sample, Search},
    rpc::proto::v1::SummarizeRequest,
};

const MAX_TEMPERATURE: f32 = 2.0;
const MAX_TOP_K: u32 = 1000;
const DEFAULT_TOP_K: NonZeroUsize = NonZeroUsize::new(50).unwrap();

impl Faults {
    /// Without a temperature the likeliest token at every step.
    pub(super) fn sampling(&mut self, request: &SummarizeRequest, style: Style) -> Search {
        let details = [
            ("top_k", request.top_k.is_some()),
            ("top_p", request.top_p.is_some()),
            ("seed", request.seed.is_some()),
        ];
        let given = details.into_iter().filter(|(_, given)| *given);
        if style == Style::Extractive {
            let all = [("temperature", request.temperature.is_some())].into_iter();
            for (field, _) in all.filter(|(_, given)| *given).chain(given) {
                self.add(
                    field,
                    "is for SUMMARY_STYLE_ABSTRACTIVE only: ask for that, or leave it out",
                );
            }
            return Search::Greedy;
        }
        let temperature = request.temperature.unwrap_or(0.0);
        if !(0.0..=MAX_TEMPERATURE).contains(&temperature) {
            self.add(
                "temperature",
                format_args!(
                    "{temperature} is not from 0 to {MAX_TEMPERATURE}: choose a number that is"
                ),
            );
        }
        if temperature == 0.0 {
            for (field, _) in given {
                self.add(
                    field,
                    "changes nothing without a temperature: set temperature above 0, or leave it out",
                );
            }
            return Search::Greedy;
        }
        let top_p = request.top_p.unwrap_or(1.0);
        if !(top_p > 0.0 && top_p <= 1.0) {
            self.add(
                "top_p",
                format_args!("{top_p} is not above 0 and up to 1: choose a number that is"),
            );
        }
        let top_k = request.top_k;
        Search::Sample(Sample {
            temperature,
            top_k: top_k.map_or(DEFAULT_TOP_K, |n| self.within("top_k", n, MAX_TOP_K)),
            top_p,
            seed: request.seed.unwrap_or_else(|| fastrand::u64(..)),
        })
    }
}
