package trustedfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Lines reads text by lines of any length. A line is valid until the next call of Next.
type Lines struct {
	r      *bufio.Reader
	Number int // the number of the line that Next has returned; the first is 1
}

// NewLines returns the lines of r.
func NewLines(r io.Reader) *Lines { return &Lines{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next line without its newline, or nil with io.EOF or the reader's error.
// A line that is not text comes with an error that says why.
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

// checkText refuses control characters, except a tab, and a byte-order mark: they may hide
// a line from a human reader.
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

// suspicious tells whether one of eight bytes may be below a blank or be 0x7f. Every session
// reads the whole policy, and checking a large one byte by byte took most of that time.
func suspicious(eight uint64) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	deleted := eight ^ 0x7f*each
	return ((eight-' '*each)&^eight|(deleted-each)&^deleted)&high != 0
}
