package main

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// A terminal gets columns of fixed width, and no character that it would act on.
func TestTable(t *testing.T) {
	info := cloakroom.Info{
		ID: "id", Owner: strings.Repeat("ö", 21), IP: "::1", UserAgent: "a\x1b[31mb\u202ec",
		CreatedAt: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC),
	}
	for aligned, want := range map[bool]string{
		true: "id" + strings.Repeat(" ", 22) + strings.Repeat("ö", 19) + "…  " +
			"2024-05-06T07:08:09Z  -" + strings.Repeat(" ", 21) + "::1" + strings.Repeat(" ", 14) +
			"a\uFFFD[31mb\uFFFDc\n",
		false: "id\t" + strings.Repeat("ö", 21) + "\t2024-05-06T07:08:09Z\t-\t::1\ta\uFFFD[31mb\uFFFDc\n",
	} {
		var b strings.Builder
		w := table{out: bufio.NewWriter(&b), aligned: aligned}
		if err := w.row(&info); err != nil {
			t.Fatal(err)
		}
		if err := w.out.Flush(); err != nil || b.String() != want {
			t.Errorf("aligned %v: %q, want %q, %v", aligned, b.String(), want, err)
		}
	}
}
