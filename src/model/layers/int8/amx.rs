//! AMX: `tdpbusd` multiplies 16 rows of 64 unsigned bytes by 16 columns of 64 signed ones and adds the
//! products to 32-bit sums, without saturation. A panel's groups are rows of its tiles as they lie.
//!
//! Rust's own intrinsics for it are not stable, so that the instructions are written out.
#![allow(unsafe_code)]

use super::{
    DEPTH, Kernel, PANEL, PackedWeights, Panel, QuantizedRows, TILE_ROWS, Tile, TileSums,
    avx512::Avx512Vnni,
};
use crate::model::TokenId;
use std::{arch::asm, arch::x86_64::*, sync::LazyLock};

pub struct Amx {
    /// For few rows and for what is no product of matrices.
    vnni: &'static Avx512Vnni,
}

/// Bytes that one step of a product, which reads 4 KiB of weights, asks for in advance: one a prefetch of `product`.
/// So eight blocks of rows have asked for all of the next panel, and with fewer the processor itself goes on from where
/// they began. More a step was no faster, from one block to eight.
const AHEAD: usize = 8 * 64;
/// Of so many blocks each asks for another part of the panel.
const PARTS: usize = 8;

/// With fewer rows the weights' way into the tiles takes longer than VNNI's sums.
const FEWEST_ROWS: usize = 3;

impl Amx {
    pub fn detect() -> Option<&'static Self> {
        static FOUND: LazyLock<Option<Amx>> = LazyLock::new(|| {
            let vnni = Avx512Vnni::detect()?;
            (has_instructions() && may_use_tiles()).then_some(Amx { vnni })
        });
        FOUND.as_ref()
    }
}

impl Kernel for Amx {
    fn name(&self) -> &'static str {
        "amx"
    }

    fn multiply(
        &self,
        rows: &QuantizedRows,
        weights: &PackedWeights,
        each: &mut dyn FnMut(&TileSums),
    ) {
        if rows.count() < FEWEST_ROWS {
            return self.vnni.multiply(rows, weights, each);
        }
        assert!(rows.depth() == weights.depth() && rows.depth().is_multiple_of(DEPTH));
        // Blocks of one height, for it is set once: the last may begin in the one before it.
        let blocks = rows.count().div_ceil(TILE_ROWS);
        let height = rows.count().div_ceil(blocks);
        let mut tile = Tile([[0; PANEL]; TILE_ROWS]);
        // SAFETY: a value of this type exists only where the instructions may be used.
        let _tiles = unsafe { Tiles::of_height(height) };
        for panel in weights.panels() {
            for block in 0..blocks {
                let first_row = block * height;
                let count = height.min(rows.count() - first_row);
                let bytes = rows.bytes(first_row + count - height, height);
                let ahead = block % PARTS * (rows.depth() / DEPTH) * AHEAD;
                // SAFETY: as above; the tiles are set for `height` rows, which `bytes` holds, and the panel
                // is as deep as they are.
                unsafe { product(bytes, rows.depth(), &panel, ahead, &mut tile) };
                each(&TileSums {
                    first_row,
                    sums: &tile.0[height - count..height],
                    row_scales: rows.scales(first_row, count),
                    panel: &panel,
                });
            }
        }
    }

    fn select(&self, row: &[u8], weights: &[u8], ids: &[TokenId], sums: &mut [i32]) {
        self.vnni.select(row, weights, ids, sums);
    }

    fn dot(&self, row: &[u8], weights: &[u8]) -> i32 {
        self.vnni.dot(row, weights)
    }
}

/// `tile[m][n] = Σ_k rows[m][k] panel[n][k]` for as many rows as the tiles are set for. Meanwhile a part of the next
/// panel, which begins where this one ends, comes into the second cache, from its byte `ahead` on: the weights of a
/// step lie in the third, which the processor by itself asks too late.
///
/// # Safety
/// The tiles are set for `rows.len() / depth` rows, at most `TILE_ROWS`; `panel` is `depth` deep, whole
/// times `DEPTH` and not 0.
unsafe fn product(rows: &[u8], depth: usize, panel: &Panel, ahead: usize, tile: &mut Tile) {
    let next = panel.bytes.as_ptr_range().end.wrapping_add(ahead);
    // Tiles 0 to 3 are the sums, 16 columns each; 4 holds activations, 5 to 7 weights in turn.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{rows} + {depth}]",
            "prefetcht1 [{next}]",
            "tileloadd tmm5, [{weights} + {width}]",
            "prefetcht1 [{next} + 64]",
            "tileloadd tmm6, [{weights} + {width} + 64]",
            "prefetcht1 [{next} + 128]",
            "tdpbusd tmm0, tmm4, tmm5",
            "prefetcht1 [{next} + 192]",
            "tileloadd tmm7, [{weights} + {width} + 128]",
            "prefetcht1 [{next} + 256]",
            "tdpbusd tmm1, tmm4, tmm6",
            "prefetcht1 [{next} + 320]",
            "tileloadd tmm5, [{weights} + {width} + 192]",
            "prefetcht1 [{next} + 384]",
            "tdpbusd tmm2, tmm4, tmm7",
            "prefetcht1 [{next} + 448]",
            "tdpbusd tmm3, tmm4, tmm5",
            "add {rows}, 64",
            "add {weights}, 4096",
            "add {next}, {ahead}",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{tile} + {width}], tmm0",
            "tilestored [{tile} + {width} + 64], tmm1",
            "tilestored [{tile} + {width} + 128], tmm2",
            "tilestored [{tile} + {width} + 192], tmm3",
            rows = inout(reg) rows.as_ptr() => _,
            depth = in(reg) depth,
            weights = inout(reg) panel.bytes.as_ptr() => _,
            next = inout(reg) next => _,
            ahead = const AHEAD,
            // Bytes of a group of a panel, and of a row of a tile of sums.
            width = in(reg) PANEL * 4,
            steps = inout(reg) depth / DEPTH => _,
            tile = in(reg) tile.0.as_mut_ptr(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// The thread's tiles, set for rows of one height; released when dropped, so that the thread's state is
/// small again when it is switched.
struct Tiles(());

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row of each tile.
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Tiles {
    /// # Safety
    /// The machine has AMX, and the process may use it. `height`: 1 to `TILE_ROWS`.
    unsafe fn of_height(height: usize) -> Self {
        let (height, whole) = (height as u8, TILE_ROWS as u8);
        let mut shapes = Shapes {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        shapes.row_bytes[..8].fill(DEPTH as u16);
        shapes.rows[..5].fill(height);
        shapes.rows[5..8].fill(whole);
        // SAFETY: the caller says that AMX may be used; the shapes are within its first palette.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack)) };
        Tiles(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: a value of this type exists only where AMX may be used.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// The processor has AMX with products of bytes, and the operating system saves its registers.
fn has_instructions() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const AMX_TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    const TILE_STATE: u64 = 1 << 17 | 1 << 18;
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    // SAFETY: OSXSAVE says that the instruction is there.
    let saved = unsafe { _xgetbv(0) };
    features & AMX_TILE_AND_INT8 == AMX_TILE_AND_INT8 && saved & TILE_STATE == TILE_STATE
}

/// Asks Linux for the tiles, which it gives to processes that ask
/// (`Documentation/arch/x86/xstate.rst` of the kernel). Threads that begin later have the permission, too.
fn may_use_tiles() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    if !cfg!(target_os = "linux") {
        return false;
    }
    // SAFETY: the call has no effect on memory of the process.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_arch_prctl,
            ARCH_REQ_XCOMP_PERM,
            XFEATURE_XTILEDATA,
        )
    };
    failed == 0
}
