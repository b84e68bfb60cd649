package trustedfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Lines reads text a line at a time, of whatever length. What it returns is
// valid until the next call; nothing is kept.
type Lines struct {
	r      *bufio.Reader
	Number int // of the line that Next returned
}

// NewLines returns the lines of r.
func NewLines(r io.Reader) *Lines { return &Lines{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next line without its newline, or io.EOF. A line that is
// not text comes with an error that says why.
func (l *Lines) Next() ([]byte, error) {
	var long []byte
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
			continue
		case err == io.EOF && len(long)+len(part) > 0, err == nil:
			if long != nil {
				part = append(long, part...)
			}
			l.Number++
			line := bytes.TrimSuffix(part, []byte("\n"))
			return line, checkText(line, l.Number)
		}
		return nil, err
	}
}

var byteOrderMark = []byte("\ufeff")

// checkText refuses what a reader does not see and a program might: a control
// character or a byte-order mark may hide a line from him.
func checkText(line []byte, number int) error {
	if number == 1 && bytes.HasPrefix(line, byteOrderMark) {
		return errors.New("byte-order mark")
	}
	for rest := line; ; rest = rest[8:] {
		if len(rest) >= 8 && !suspicious(binary.LittleEndian.Uint64(rest)) {
			continue
		}
		for _, c := range rest[:min(8, len(rest))] {
			if c < ' ' && c != '\t' || c == 0x7f {
				return fmt.Errorf("control character 0x%02x", c)
			}
		}
		if len(rest) <= 8 {
			return nil
		}
	}
}

// suspicious tells whether one of eight bytes may be below a blank or be
// 0x7f: a large policy is read for every session, and most of the time went
// into looking at its bytes one by one.
func suspicious(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	deleted := eight ^ 0x7f*each
	return ((eight-' '*each)&^eight|(deleted-each)&^deleted)&high != 0
}
