package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// useFile checks SQLite's file before it is opened, if the database is in one. With never the file
// must be there, and opening it makes nothing and keeps its journal mode unless the URL names one.
func (src *source) useFile(u *url.URL, never bool) error {
	if src.file == "" {
		return nil
	}
	if err := src.checkFile(u); err != nil {
		return err
	}
	if !never {
		return nil
	}
	if _, err := os.Stat(src.file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no file %s", storeurl.ErrNoStore, src.file)
	}
	where, parameters, _ := strings.Cut(src.dsn, "?")
	kept := []string{"mode=rw"}
	for one := range strings.SplitSeq(parameters, "&") {
		if u.Query().Has("journal") || !strings.Contains(one, "journal_mode") {
			kept = append(kept, one)
		}
	}
	src.dsn = where + "?" + strings.Join(kept, "&")
	return nil
}

// checkFile refuses files that others may change, unless the URL says to trust them: SQLite reads
// the files beside the database as a part of it.
func (src *source) checkFile(u *url.URL) error {
	if u.Query().Get("trust") == "on" {
		return nil
	}
	err := folder.CheckAbove(src.file)
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		if err == nil {
			err = folder.CheckFile(src.file + end)
		}
	}
	if errors.Is(err, folder.ErrOthers) {
		return fmt.Errorf("%w; trust=on says that it is meant", err)
	}
	return err
}

// makeFile makes an empty file for its user alone, unless it is there. SQLite would go by the
// umask. It gives its other files the same permissions.
func (src *source) makeFile(u *url.URL) error {
	if src.file == "" {
		return nil
	}
	f, err := os.OpenFile(src.file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), src.checkFile(u)) // another process may have made it
}

// noStore adds ErrNoStore to an error that means that the table is missing, if it may not be made.
func noStore(err error, never bool) error {
	if never && errors.Is(err, errNoTable) {
		return fmt.Errorf("%w: %w", storeurl.ErrNoStore, err)
	}
	return err
}
