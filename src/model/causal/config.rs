//! Sizes of a network, from the settings of its file.

use super::family::{Embeddings, Family, Windows};
use crate::model::{TokenId, layers::Attention, weights::GgufFile};

/// What a model's file says of it.
#[derive(Clone, Debug)]
pub struct Config {
    pub family: Family,
    pub name: String,
    /// Tokens of a prompt and its continuation together.
    pub context_length: usize,
    pub dim: usize,
    pub layers: usize,
    pub ffn: usize,
    pub vocab_size: usize,
    /// Of the global layers.
    pub attention: Attention,
    /// Positions that the other layers see.
    pub window: usize,
    pub norm_eps: f32,
    pub rope: RopeConfig,
    pub embedding_scale: f32,
    /// Tokens that end an answer: of the text, of a turn, of a message.
    pub stop: Vec<TokenId>,
}

/// Rotary positions.
#[derive(Clone, Debug)]
pub struct RopeConfig {
    /// Numbers of a head that turn.
    pub width: usize,
    pub base: f64,
    /// Of the layers with a window.
    pub window_base: f64,
    /// What the angles of the global layers are divided by.
    pub stretch: f32,
}

/// More layers than any network has, and wider ones.
const MOST: u64 = 1 << 20;
/// Gemma 3's layers with a window turn by this base, which its files do not say.
const WINDOW_BASE: f64 = 10_000.0;
/// Gemma 3 of 27 billion weights has so many layers, and scales its products in its own way.
const LAYERS_OF_27B: usize = 62;

/// A file's settings, and all that is wrong with them.
struct Settings<'a> {
    file: &'a GgufFile,
    prefix: &'static str,
    problems: &'a mut Vec<String>,
}

impl Settings<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn size(&mut self, name: &str) -> usize {
        let name = self.name(name);
        match self.file.integer(&name) {
            Some(size @ 1..MOST) => size as usize,
            Some(size) => {
                self.problems.push(format!("setting {name} is {size}"));
                1
            }
            None => {
                let problem = format!("setting {name} is missing, or not a number");
                self.problems.push(problem);
                1
            }
        }
    }

    /// `otherwise` where the setting is missing.
    fn size_or(&mut self, name: &str, otherwise: usize) -> usize {
        match self.file.integer(&self.name(name)) {
            Some(_) => self.size(name),
            None => otherwise,
        }
    }

    fn float_or(&mut self, name: &str, otherwise: f64) -> f64 {
        let name = self.name(name);
        let value = self.file.float(&name).unwrap_or(otherwise);
        if !(value.is_finite() && value > 0.0) {
            self.problems.push(format!("setting {name} is {value}"));
        }
        value
    }
}

impl Config {
    /// Adds to `problems` all that is wrong; what comes back is of use only if there was nothing.
    pub fn read(file: &GgufFile, family: Family, problems: &mut Vec<String>) -> Self {
        let mut settings = Settings {
            file,
            prefix: family.name,
            problems,
        };
        let dim = settings.size("embedding_length");
        let layers = settings.size("block_count");
        let heads = settings.size("attention.head_count");
        let kv_heads = settings.size_or("attention.head_count_kv", heads);
        let width = settings.size_or("attention.key_length", dim / heads);
        let value_width = settings.size_or("attention.value_length", width);
        let rope = RopeConfig {
            width: settings.size_or("rope.dimension_count", width),
            base: settings.float_or("rope.freq_base", 10_000.0),
            window_base: settings.float_or("rope.freq_base_swa", WINDOW_BASE),
            stretch: rope_stretch(&mut settings),
        };
        let window = match family.windows {
            Windows::None => 0,
            Windows::FiveOfSix => settings.size("attention.sliding_window"),
        };
        let norm_eps = settings.float_or("attention.layer_norm_rms_epsilon", 0.0) as f32;
        let ffn = settings.size("feed_forward_length");
        let context_length = settings.size("context_length");
        if !heads.is_multiple_of(kv_heads) {
            let problem = format!("{heads} heads cannot share {kv_heads} heads of keys");
            problems.push(problem);
        }
        if !width.is_multiple_of(16) || width == 0 || width != value_width {
            problems.push(format!(
                "heads have {width} numbers in their keys and {value_width} in their values; as \
                 many are needed in both, a multiple of 16"
            ));
        }
        if rope.width > width || !rope.width.is_multiple_of(2) {
            problems.push(format!("{} of {width} numbers of a head turn", rope.width));
        }
        let scaled_by = match (family.windows, layers) {
            (Windows::FiveOfSix, LAYERS_OF_27B) => dim / heads,
            _ => width,
        };
        Config {
            family,
            name: file.text("general.name").unwrap_or_default().to_owned(),
            context_length,
            dim,
            layers,
            ffn,
            vocab_size: 0,
            attention: Attention {
                heads,
                kv_heads,
                width,
                scale: 1.0 / (scaled_by as f32).sqrt(),
                window: None,
            },
            window,
            norm_eps,
            rope,
            embedding_scale: match family.embeddings {
                Embeddings::Plain => 1.0,
                Embeddings::Scaled => (dim as f32).sqrt(),
            },
            stop: Vec::new(),
        }
    }

    /// Of one layer.
    pub fn attention_of(&self, layer: usize) -> Attention {
        Attention {
            window: self.has_window(layer).then_some(self.window),
            ..self.attention.clone()
        }
    }

    pub fn has_window(&self, layer: usize) -> bool {
        match self.family.windows {
            Windows::None => false,
            Windows::FiveOfSix => layer % 6 < 5,
        }
    }
}

fn rope_stretch(settings: &mut Settings) -> f32 {
    let kind = settings.name("rope.scaling.type");
    match settings.file.text(&kind) {
        None | Some("none") => 1.0,
        Some("linear") => settings.float_or("rope.scaling.factor", 1.0) as f32,
        Some(other) => {
            let problem = format!("setting {kind} is {other:?}; only \"linear\" is known");
            settings.problems.push(problem);
            1.0
        }
    }
}
