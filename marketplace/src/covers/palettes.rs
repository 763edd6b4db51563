use super::{dice::Dice, motifs::Motif};

/// The colours of one cover. The ink reaches 7:1 on the ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) ground: &'static str,
    pub(super) ink: &'static str,
    pub(super) accent: &'static str,
    pub(super) second: &'static str,
}

/// What the covers of one category share.
pub(super) struct Series {
    pub(super) motif: Motif,
    pub(super) palettes: [Palette; 3],
}

const fn palette(
    ground: &'static str,
    ink: &'static str,
    accent: &'static str,
    second: &'static str,
) -> Palette {
    Palette { ground, ink, accent, second }
}

const NIGHT: Palette = palette("#171c2b", "#f4ead7", "#d9a441", "#3f4d75");
const OXBLOOD: Palette = palette("#5b1a1f", "#f8ead8", "#e2a36b", "#87383a");
const PINE: Palette = palette("#173a33", "#f3ecd9", "#e0b75b", "#2f6a5a");
const SAND: Palette = palette("#efe2c6", "#2a2118", "#b5532d", "#d3b06c");
const SKY: Palette = palette("#cfe0e4", "#14303a", "#d9572f", "#86afb7");
const ROSE: Palette = palette("#f2d4cd", "#4a1626", "#a8324a", "#e09a8f");
const PLUM: Palette = palette("#33203f", "#f3e6ee", "#d98fa9", "#5f3f73");
const MOSS: Palette = palette("#dfe3c3", "#232c14", "#5f7a2b", "#aebb77");
const CLAY: Palette = palette("#863619", "#fff3e2", "#f4c173", "#b05a37");
const PAPER: Palette = palette("#f6f1e6", "#1d1a16", "#1f5c4a", "#cfc4ac");
const SEA: Palette = palette("#0f4457", "#eaf3ee", "#f0b04f", "#226f86");
const LEMON: Palette = palette("#f3d35c", "#2a2208", "#c8452b", "#dcab27");
const EMBER: Palette = palette("#1d1a1c", "#f3e9dd", "#d8502f", "#463b3f");
const FOG: Palette = palette("#dfded6", "#22262b", "#8a3b4c", "#b1b4ae");
const INK: Palette = palette("#22303f", "#f2eee2", "#e58f6a", "#45586c");

const ALL: [Palette; 15] =
    [NIGHT, OXBLOOD, PINE, SAND, SKY, ROSE, PLUM, MOSS, CLAY, PAPER, SEA, LEMON, EMBER, FOG, INK];

/// The series of a category. One that a shop made itself gets its motif and palettes from its slug.
pub(super) fn series(category: &str) -> Series {
    let (motif, palettes) = match category {
        "mystery" => (Motif::Blinds, [NIGHT, OXBLOOD, PINE]),
        "science-fiction" => (Motif::Orbits, [NIGHT, SEA, PLUM]),
        "self-help" => (Motif::Rays, [LEMON, SKY, CLAY]),
        "fantasy" => (Motif::Peaks, [PINE, PLUM, SEA]),
        "romance" => (Motif::Petals, [ROSE, PLUM, OXBLOOD]),
        "thriller" => (Motif::Slashes, [EMBER, CLAY, LEMON]),
        "history" => (Motif::Arches, [SAND, OXBLOOD, MOSS]),
        "biography" => (Motif::Monogram, [PAPER, SKY, SAND]),
        "science" => (Motif::Lattice, [SEA, PAPER, MOSS]),
        "philosophy" => (Motif::Solids, [PAPER, INK, CLAY]),
        "poetry" => (Motif::Moon, [ROSE, PAPER, INK]),
        "children" => (Motif::Blocks, [LEMON, SKY, ROSE]),
        "young-adult" => (Motif::Bands, [PLUM, LEMON, SEA]),
        "classics" => (Motif::Rosette, [OXBLOOD, PINE, NIGHT]),
        "business" => (Motif::Steps, [SKY, SAND, SEA]),
        "travel" => (Motif::Waves, [SKY, CLAY, SEA]),
        "literary-fiction" => (Motif::Quarters, [FOG, INK, MOSS]),
        "horror" => (Motif::Forest, [EMBER, FOG, NIGHT]),
        own => {
            let mut dice = Dice::new(&[own]);
            let motif = dice.of(&Motif::ALL);
            // Five apart: three different ones.
            let first = dice.pick(ALL.len() as u64);
            (motif, [0, 5, 10].map(|step| ALL[(first + step) % ALL.len()]))
        }
    };
    Series { motif, palettes }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// WCAG's relative luminance.
    fn luminance(colour: &str) -> f64 {
        let channel = |at| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("two hexadecimal digits");
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_ink_reaches_seven_to_one_on_its_ground() {
        for palette in ALL {
            let (ink, ground) = (luminance(palette.ink), luminance(palette.ground));
            let contrast = (ink.max(ground) + 0.05) / (ink.min(ground) + 0.05);
            assert!(contrast >= 7.0, "{palette:?}: {contrast:.2}");
        }
    }
}
