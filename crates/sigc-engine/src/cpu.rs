//! The steps compiled twice: for every CPU of the target, and for those that have AVX2.
//!
//! Both come from one source, [`Machine::run_steps`], of which everything is inlined so that it takes the caller's
//! instructions. What must stay true: the same bits. Wider vectors hold more lanes and change no operation of any;
//! FMA, which would round once where a product and a sum round twice, is not asked for, and rustc contracts nothing.

use crate::machine::{Cursor, Layout, Machine, Stop};
use crate::program::Program;

/// Which of the two to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// Private, so that only [`Cpu::ask`] says yes.
    avx2: bool,
}

impl Cpu {
    /// What every CPU of the target has.
    pub(crate) const BASELINE: Cpu = Cpu { avx2: false };

    /// What this one has.
    pub(crate) fn ask() -> Cpu {
        #[cfg(target_arch = "x86_64")]
        let avx2 = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let avx2 = false;
        Cpu { avx2 }
    }

    /// [`Machine::run_steps`] on it.
    #[inline]
    pub(crate) fn run<const W: usize>(
        self,
        machine: &mut Machine<W>,
        program: &Program,
        layout: &Layout,
        cursor: &mut Cursor,
    ) -> Option<Stop> {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            // SAFETY: the function asks for AVX2 and nothing else, and `ask`, the only place that sets the field, was
            // told by the CPU that it has it.
            #[expect(unsafe_code, reason = "the compiler cannot know the CPU")]
            return unsafe { run_avx2(machine, program, layout, cursor) };
        }
        run_baseline(machine, program, layout, cursor)
    }
}

#[inline(never)]
fn run_baseline<const W: usize>(
    machine: &mut Machine<W>,
    program: &Program,
    layout: &Layout,
    cursor: &mut Cursor,
) -> Option<Stop> {
    machine.run_steps(program, layout, cursor)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<const W: usize>(
    machine: &mut Machine<W>,
    program: &Program,
    layout: &Layout,
    cursor: &mut Cursor,
) -> Option<Stop> {
    machine.run_steps(program, layout, cursor)
}
