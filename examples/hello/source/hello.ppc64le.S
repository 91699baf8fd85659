/* linux/ppc64le: system call number in r0, arguments in r3, r4, r5. */

        .abiversion 2                   /* ELFv2: the entry point is code */

        .section .rodata
message:
        .ascii  "Hello from linux/ppc64le\n"
        .equ    size, . - message

        .globl  _start
        .text
_start:
        li      0, 4                    /* write(1, message, size) */
        li      3, 1
        lis     4, message@ha
        addi    4, 4, message@l
        li      5, size
        sc

        li      0, 234                  /* exit_group(0) */
        li      3, 0
        sc
