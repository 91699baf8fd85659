/* linux/arm64: system call number in x8, arguments in x0, x1, x2. */

        .section .rodata
message:
        .ascii  "Hello from linux/arm64\n"
        .equ    size, . - message

        .globl  _start
        .text
_start:
        mov     x8, #64                 /* write(1, message, size) */
        mov     x0, #1
        adr     x1, message
        mov     x2, #size
        svc     #0

        mov     x8, #94                 /* exit_group(0) */
        mov     x0, #0
        svc     #0
