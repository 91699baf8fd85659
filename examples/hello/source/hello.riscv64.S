/* linux/riscv64: system call number in a7, arguments in a0, a1, a2. */

        .section .rodata
message:
        .ascii  "Hello from linux/riscv64\n"
        .equ    size, . - message

        .globl  _start
        .text
_start:
        li      a7, 64                  /* write(1, message, size) */
        li      a0, 1
        lla     a1, message
        li      a2, size
        ecall

        li      a7, 94                  /* exit_group(0) */
        li      a0, 0
        ecall
