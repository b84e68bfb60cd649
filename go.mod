module capsu

go 1.26.0

require (
	github.com/creack/pty v1.1.24
	github.com/msteinert/pam/v2 v2.1.0
	github.com/spf13/pflag v1.1.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
	kernel.org/pub/linux/libs/security/libcap/cap v1.2.78
)

require kernel.org/pub/linux/libs/security/libcap/psx v1.2.78 // indirect
