// Portserver is the program that the demonstration runs in a session: it shows
// its capabilities, listens, and answers one request with who it is.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "portserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: portserver serve|get ADDRESS")
	}
	switch args[0] {
	case "serve":
		return serve(args[1])
	case "get":
		return get(args[1])
	}
	return fmt.Errorf("%s: unknown command", args[0])
}

func serve(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("listening on", address)
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\n\r\nserved by uid %d\n", os.Getuid())
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "Cap") {
			fmt.Fprint(conn, line)
		}
	}
	return nil
}

func get(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, conn)
	return err
}
