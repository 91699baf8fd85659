/* linux/amd64: system call number in rax, arguments in rdi, rsi, rdx. */

        .section .rodata
message:
        .ascii  "Hello from linux/amd64\n"
        .equ    size, . - message

        .globl  _start
        .text
_start:
        mov     $1, %eax                /* write(1, message, size) */
        mov     $1, %edi
        lea     message(%rip), %rsi
        mov     $size, %edx
        syscall

        mov     $231, %eax              /* exit_group(0) */
        xor     %edi, %edi
        syscall
