//! The instructions of each probe: those of its level, then `exit` by the machine's own system call.
//!
//! Each line says the instruction in the words of its manual. All were assembled by LLVM's assembler, LoongArch's by hand after
//! the formats of its manual, and run by QEMU: see `tests/`. The numbers of system calls are Linux's, from the `unistd.h` of
//! each machine.

use crate::Machine;

/// The status that all of them end with.
pub(super) const STATUS: u8 = 77;

/// Returns the code for a level of a machine.
pub(super) fn of(machine: Machine, level: u8) -> Vec<u8> {
    match machine {
        Machine::Amd64 => amd64(level),
        Machine::Arm => arm(level),
        _ => exit(machine).to_vec(),
    }
}

/// What the levels of x86-64 have (x86-64 psABI, "Micro-Architecture Levels"); encodings by Intel's Software Developer's
/// Manual, volume 2. Each level has the instructions of those below.
fn amd64(level: u8) -> Vec<u8> {
    const LEVELS: [(u8, &[&[u8]]); 3] = [
        (
            2,
            &[
                &[0x66, 0x0f, 0x38, 0x37, 0xc0], // pcmpgtq xmm0, xmm0: SSE4.2
                &[0xf3, 0x0f, 0xb8, 0xc0],       // popcnt eax, eax: POPCNT
            ],
        ),
        (
            3,
            &[
                &[0xc5, 0xfd, 0xfe, 0xc0],       // vpaddd ymm0, ymm0, ymm0: AVX2
                &[0xc4, 0xe2, 0x7b, 0xf5, 0xc0], // pdep eax, eax, eax: BMI2
                &[0xc4, 0xe2, 0x79, 0x98, 0xc0], // vfmadd132ps xmm0, xmm0, xmm0: FMA
            ],
        ),
        (
            4,
            &[
                &[0x62, 0xf1, 0x7d, 0x48, 0xfe, 0xc0], // vpaddd zmm0, zmm0, zmm0: AVX512F
                &[0x62, 0xf1, 0x7d, 0x48, 0xfc, 0xc0], // vpaddb zmm0, zmm0, zmm0: AVX512BW
                &[0x62, 0xf2, 0xfd, 0x48, 0x40, 0xc0], // vpmullq zmm0, zmm0, zmm0: AVX512DQ
                &[0x62, 0xf2, 0x7d, 0x48, 0xc4, 0xc0], // vpconflictd zmm0, zmm0: AVX512CD
                &[0x62, 0xa1, 0x7d, 0x00, 0xfe, 0xc0], // vpaddd xmm16, xmm16, xmm16: AVX512VL
            ],
        ),
    ];
    // A processor that lacks them is no reason for a core file, neither of the kernel's nor of QEMU's, which goes by the limit
    // alone; nor for a message of whoever collects those, to whom the kernel hands over whatever may be dumped.
    const SILENT: [u8; 33] = [
        0xb8, 160, 0, 0, 0, // mov eax, 160: setrlimit
        0xbf, 4, 0, 0, 0, // mov edi, 4: RLIMIT_CORE
        0x6a, 0x00, 0x6a, 0x00, // push 0; push 0
        0x48, 0x89, 0xe6, // mov rsi, rsp
        0x0f, 0x05, // syscall
        0xb8, 157, 0, 0, 0, // mov eax, 157: prctl
        0xbf, 4, 0, 0, 0, // mov edi, 4: PR_SET_DUMPABLE
        0x31, 0xf6, // xor esi, esi
        0x0f, 0x05, // syscall
    ];
    let mut code = if level > 1 { SILENT.to_vec() } else { Vec::new() };
    let instructions = LEVELS.iter().filter(|(since, _)| *since <= level).flat_map(|(_, instructions)| *instructions);
    code.extend(instructions.flat_map(|instruction| *instruction));
    code.extend(exit(Machine::Amd64));
    code
}

/// What the versions of 32-bit ARM have; encodings of A32 by the Arm Architecture Reference Manual for ARMv7-A, chapter A8,
/// and of v8 by that for A-profile, chapter F5.
fn arm(level: u8) -> Vec<u8> {
    const LEVELS: [(u8, &[u32]); 4] = [
        (5, &[0xe16f_0f10]),              // clz r0, r0
        (6, &[0xe6bf_0f30, 0xe6ef_0070]), // rev r0, r0; uxtb r0, r0
        // movw came with v6T2, which no system is made for; dmb is v7 alone. It orders memory, and changes nothing.
        (7, &[0xe300_0000, 0xf57f_f05b]), // movw r0, #0; dmb ish
        (8, &[0xe19d_0c9f]),              // lda r0, [sp]
    ];
    // As for x86-64.
    const SILENT: [u32; 11] = [
        0xe3a0_704b, // mov r7, #75: setrlimit
        0xe3a0_0004, // mov r0, #4: RLIMIT_CORE
        0xe3a0_1000, // mov r1, #0
        0xe3a0_2000, // mov r2, #0
        0xe92d_0006, // push {r1, r2}
        0xe1a0_100d, // mov r1, sp
        0xef00_0000, // svc #0
        0xe3a0_70ac, // mov r7, #172: prctl
        0xe3a0_0004, // mov r0, #4: PR_SET_DUMPABLE
        0xe3a0_1000, // mov r1, #0
        0xef00_0000, // svc #0
    ];
    let instructions = LEVELS.iter().filter(|(since, _)| *since <= level).flat_map(|(_, instructions)| *instructions);
    let mut code: Vec<u8> = SILENT.iter().chain(instructions).flat_map(|word| word.to_le_bytes()).collect();
    code.extend(exit(Machine::Arm));
    code
}

/// Ends the program: the number of `exit` and the status in the registers that the machine's system calls take.
const fn exit(machine: Machine) -> &'static [u8] {
    match machine {
        // mov eax, 60; mov edi, 77; syscall
        Machine::Amd64 => &[0xb8, 60, 0, 0, 0, 0xbf, STATUS, 0, 0, 0, 0x0f, 0x05],
        // mov eax, 1; mov ebx, 77; int 0x80
        Machine::I386 => &[0xb8, 1, 0, 0, 0, 0xbb, STATUS, 0, 0, 0, 0xcd, 0x80],
        // mov r7, #1; mov r0, #77; svc #0
        Machine::Arm => &[0x01, 0x70, 0xa0, 0xe3, STATUS, 0x00, 0xa0, 0xe3, 0x00, 0x00, 0x00, 0xef],
        // mov x8, #93; mov x0, #77; svc #0 (Arm ARM for A-profile, chapter C6)
        Machine::Arm64 => &[0xa8, 0x0b, 0x80, 0xd2, 0xa0, 0x09, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4],
        // li r0, 1; li r3, 77; sc (Power ISA, book I)
        Machine::Ppc64le => &[0x01, 0x00, 0x00, 0x38, STATUS, 0x00, 0x60, 0x38, 0x02, 0x00, 0x00, 0x44],
        // lghi %r2, 77; svc 1 (z/Architecture Principles of Operation, chapter 7)
        Machine::S390x => &[0xa7, 0x29, 0x00, STATUS, 0x0a, 0x01],
        // li a7, 93; li a0, 77; ecall (RISC-V Instruction Set Manual, volume I)
        Machine::Riscv64 => &[0x93, 0x08, 0xd0, 0x05, 0x13, 0x05, 0xd0, 0x04, 0x73, 0x00, 0x00, 0x00],
        // addiu $v0, $zero, 5058; addiu $a0, $zero, 77; syscall (MIPS64 Architecture for Programmers, volume II-A)
        Machine::Mips64le => &[0xc2, 0x13, 0x02, 0x24, STATUS, 0x00, 0x04, 0x24, 0x0c, 0x00, 0x00, 0x00],
        // addi.w $a7, $zero, 93; addi.w $a0, $zero, 77; syscall 0 (LoongArch Reference Manual, volume 1)
        Machine::Loong64 => &[0x0b, 0x74, 0x81, 0x02, 0x04, 0x34, 0x81, 0x02, 0x00, 0x00, 0x2b, 0x00],
    }
}
