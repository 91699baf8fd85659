/* linux/arm/v7: system call number in r7, arguments in r0, r1, r2. */

        .syntax unified
        .arch   armv7-a
        .fpu    vfpv3-d16
        .eabi_attribute Tag_ABI_VFP_args, 1     /* the hard-float ABI */
        .arm

        .section .rodata
message:
        .ascii  "Hello from linux/arm/v7\n"
        .equ    size, . - message

        .globl  _start
        .type   _start, %function
        .text
_start:
        mov     r7, #4                  /* write(1, message, size) */
        mov     r0, #1
        movw    r1, #:lower16:message
        movt    r1, #:upper16:message
        mov     r2, #size
        svc     #0

        mov     r7, #248                /* exit_group(0) */
        mov     r0, #0
        svc     #0
