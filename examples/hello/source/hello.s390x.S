/* linux/s390x: system call number in svc itself, arguments in r2, r3, r4. */

        .section .rodata
        .balign 2                       /* larl reaches even addresses only */
message:
        .ascii  "Hello from linux/s390x\n"
        .equ    size, . - message

        .globl  _start
        .text
_start:
        lghi    %r2, 1                  /* write(1, message, size) */
        larl    %r3, message
        lghi    %r4, size
        svc     4

        lghi    %r2, 0                  /* exit_group(0) */
        svc     248
