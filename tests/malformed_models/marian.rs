//! Mozilla's students: the container of the weights.

use crate::{
    container::{changed, find, patched, set, take_apart},
    memory::alone,
    models::{Files, MODEL, Scratch, marian},
};

#[test]
fn a_marian_file_cut_at_any_boundary_names_the_part_in_which_it_ends() {
    let _alone = alone();
    let scratch = Scratch::new("cut-marian");
    let whole = marian();
    let ends = take_apart(&whole[MODEL]).ends;
    assert!(ends.len() > 300, "{}", ends.len());
    for end in ends.iter().flat_map(|end| [end - 1, *end, end + 1]) {
        if end >= whole[MODEL].len() {
            continue;
        }
        let mut files = whole.clone();
        files.get_mut(MODEL).unwrap().truncate(end);
        let error = scratch.error(&files, &format!("cut at {end}"));
        let told = error.contains("it ends within") || error.contains("more than the file holds");
        assert!(told && error.contains(MODEL), "cut at {end}: {error}");
    }
    let mut files = whole;
    files.get_mut(MODEL).unwrap().clear();
    let error = scratch.error(&files, "empty");
    assert!(error.contains(MODEL), "{error}");
}

#[test]
fn absurd_numbers_in_a_marian_file_are_errors_that_name_them() {
    let _alone = alone();
    let scratch = Scratch::new("absurd-marian");
    let most = u64::MAX.to_le_bytes();
    let whole = marian();
    let container = take_apart(&whole[MODEL]);
    let count = container.tensors.len();
    // The gap is the section after the names and the shapes, each of one part a tensor.
    let gap = container.ends[1 + 3 * count];
    let table = |shape: &[i32]| {
        let shape = shape.to_vec();
        changed(|tensors| find(tensors, "Wemb").shape = shape)
    };
    let cases: Vec<(Files, &str)> = vec![
        (patched(0, &[0; 8]), "version is 0, not 1"),
        (patched(0, b"GGUF\x03\0\0\0"), "version is 14"),
        (
            patched(8, &most),
            "number of tensors is 18446744073709551615",
        ),
        (patched(16, &most), "it ends within name"),
        (patched(32, &most), "dimensions"),
        (patched(40, &most), "it ends within data of"),
        (patched(gap, &most), "it ends within gap"),
        (table(&[i32::MAX, i32::MAX]), "Wemb"),
        (
            table(&[i32::MAX, i32::MAX, i32::MAX, 4]),
            "larger than the file",
        ),
        (table(&[-1, 16]), "tensor Wemb has a negative size"),
        (table(&[1 << 20, 16]), "larger than the file"),
        (table(&[1024]), "tensor Wemb is [1024], not a matrix"),
        (table(&[0, 16]), "source_vocab_size is 0"),
        (table(&[64, 0]), "dim is 0"),
        (table(&[1, 16]), "unk_id 1 is outside the vocabulary of 1"),
        (
            table(&[32, 32]),
            "it holds 64 pieces where the weights have 32",
        ),
        (table(&[64, 8]), "tensor encoder_l1_self_Wq is [16, 16]"),
        (
            changed(|tensors| find(tensors, "Wemb").name = "other".into()),
            "tensor encoder_Wemb is missing",
        ),
        (
            changed(|tensors| {
                let twice = tensors[3].clone();
                tensors.push(twice);
            }),
            "stands twice",
        ),
        (
            changed(|tensors| tensors.retain(|tensor| tensor.name != "special:model.yml")),
            "its decoder's cell is \"\"",
        ),
        (
            changed(|tensors| find(tensors, "special:model.yml").data = vec![0xff; 64]),
            "its decoder's cell is",
        ),
        (
            changed(|tensors| find(tensors, "encoder_l2_self_Wk").kind = 0x0404),
            "tensor encoder_l2_self_Wk is of type 0x404",
        ),
        (
            changed(|tensors| find(tensors, "encoder_l2_self_bk").data.truncate(60)),
            "tensor encoder_l2_self_bk is cut short",
        ),
        (
            changed(|tensors| {
                let bias = &mut find(tensors, "decoder_ff_logit_out_b").data;
                bias[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }),
            "tensor decoder_ff_logit_out_b holds NaN",
        ),
        (set("enc-depth", "0"), "encoder_layers is 0"),
        (
            set("enc-depth", "3"),
            "tensor encoder_l3_self_Wq is missing",
        ),
        (set("enc-depth", "1048576"), "encoder_layers is 1048576"),
        (
            set("enc-depth", "-1"),
            "enc-depth is not in its configuration",
        ),
        (
            set("dec-depth", "99999999999999999999"),
            "dec-depth is not in its configuration",
        ),
        (set("transformer-heads", "0"), "heads is 0"),
        (
            set("transformer-heads", "3"),
            "not an even multiple of 3 heads",
        ),
        (set("transformer-dim-ffn", "1048576"), "ffn_dim is 1048576"),
        (set("transformer-dim-ffn", "65536"), "encoder_l1_ffn_W1"),
        (set("transformer-dim-ffn", "0"), "ffn_dim is 0"),
        (set("dec-cell", "gru"), "its decoder's cell is \"gru\""),
    ];
    for (files, expected) in cases {
        let error = scratch.error(&files, expected);
        assert!(
            // Where it is the vocabulary that does not fit, that is the file named.
            error.contains(".fren.") && error.contains(expected),
            "{expected} is not in {error}"
        );
    }
    for multiplier in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
        let files = changed(|tensors| {
            let table = &mut find(tensors, "Wemb").data;
            table[64 * 16..64 * 16 + 4].copy_from_slice(&multiplier.to_le_bytes());
        });
        let error = scratch.error(&files, "multiplier");
        let expected = "tensor Wemb has no usable quantisation multiplier";
        assert!(error.contains(expected), "{multiplier}: {error}");
    }
}
