//! What pictures look like where it is dark: the same SVG file is read in light and dark surroundings.
//!
//! The colours that stand in a picture are those for light surroundings, which every program shows; a stylesheet, which browsers read, puts others in
//! their place where the surroundings are dark. Each picture has a background of its own, so that a program which reads no stylesheet shows what
//! can be read, too.

/// A colour where it is light, and where it is dark: as it stands in the SVG, since it is found by its name.
pub(crate) type Colour = (&'static str, &'static str);

pub(crate) const GROUND: Colour = ("#FFFFFF", "#15191E");
pub(crate) const INK: Colour = ("#000000", "#DDE3EA");

/// The stylesheet for a picture with these colours, `GROUND` and `INK`.
pub(crate) fn style(colours: &[Colour]) -> String {
    let rule =
        |(light, dark): &Colour| format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}");
    let rules: String = [GROUND, INK].iter().chain(colours).map(rule).collect();
    format!("<style>@media (prefers-color-scheme: dark){{{rules}}}</style>\n")
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use crate::record::{Goal, Recorder};
    use crate::{Heap, Linear, SmBox};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// The values of all attributes of this name.
    fn values<'a>(svg: &'a str, attribute: &str) -> BTreeSet<&'a str> {
        let rest = |part: &'a str| part.split('"').next();
        svg.split(&format!(" {attribute}=\"")).skip(1).filter_map(rest).filter(|value| *value != "none").collect()
    }

    #[test]
    fn every_colour_of_every_picture_has_another_one_where_it_is_dark() {
        let heap = Heap::<Linear<64>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        let heap = Arc::new(heap);
        let recorder = Recorder::new(heap.clone());
        let mut boxes: Vec<_> = (0..800_u64).map(|n| Some(SmBox::new_in(n, recorder.clone()))).collect();
        let large = SmBox::new_in([0_u8; 1000], recorder.clone());
        // Of each hundred more, so that every shade is there.
        for (n, boxed) in boxes.iter_mut().enumerate() {
            *boxed = boxed.take().filter(|_| n % 100 <= n / 100 * 14);
        }
        let recording = recorder.recording();
        let sizes = recording.recommend(&Goal::default());
        let map = heap.map(8).picture();
        assert_eq!(values(&map, "fill").len(), 8 + 1, "eight shades, and ink");
        for svg in [recording.picture_of_sizes(sizes.block_sizes()), recording.picture_of_memory(), map] {
            let (style, drawn) = svg.split_once("</style>").unwrap();
            assert!(style.contains("<style>@media (prefers-color-scheme: dark){["), "{style}");
            for attribute in ["fill", "stroke"] {
                let colours = values(drawn, attribute);
                assert!(!colours.is_empty());
                for colour in colours {
                    assert!(style.contains(&format!("[{attribute}=\"{colour}\"]{{{attribute}:#")), "{colour} of {svg}");
                }
            }
        }
        drop((boxes, large));
    }
}
