package mongostore

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/cloakroom-go/cloakroom/store"
)

// Codes of the server's answers.
const (
	codeTooLarge  = 10334 // BSONObjectTooLarge: nothing was written
	codeDiskFull  = 14031 // OutOfDiskSpace: nothing was written
	codeDuplicate = 11000 // DuplicateKey

	codeInternal            = 1 // InternalError, as FerretDB answers to many things
	codeCommandNotSupported = 115
	codeNotImplemented      = 238 // as FerretDB answers to what it does not know
	codeIndexOptions        = 85  // IndexOptionsConflict: the same index is there otherwise
	codeIndexKeySpecs       = 86  // IndexKeySpecsConflict
)

// refusals are the codes of answers that say that nothing was done, and that nothing
// will be at once. Not those of a server that was interrupted or is shutting down,
// which may have begun.
var refusals = map[int]bool{
	10107: true, // NotWritablePrimary
	13435: true, // NotPrimaryNoSecondaryOk
	13436: true, // NotPrimaryOrSecondary
	10058: true, // LegacyNotPrimary
	13:    true, // Unauthorized
	18:    true, // AuthenticationFailed
	20:    true, // IllegalOperation
	59:    true, // CommandNotFound
	73:    true, // InvalidNamespace
	121:   true, // DocumentValidationFailure: a rule of others for the collection
	166:   true, // CommandNotSupportedOnView
	8000:  true, // AtlasError, as for a cluster that is full or paused
}

// refused reports whether an answer says that nothing was done. That a write is not
// confirmed as wanted says nothing of the kind.
func refused(err error) bool {
	var write mongo.WriteException
	if errors.As(err, &write) {
		return len(write.WriteErrors) == 1 && refusals[write.WriteErrors[0].Code]
	}
	var command mongo.CommandError
	return errors.As(err, &command) && refusals[int(command.Code)]
}

// notPrimary reports whether an answer says that another server should be asked by now,
// and that nothing was done.
func notPrimary(err error) bool {
	var e mongo.ServerError
	if !refused(err) || !errors.As(err, &e) {
		return false
	}
	return e.HasErrorCode(10107) || e.HasErrorCode(13435) || e.HasErrorCode(13436) || e.HasErrorCode(10058)
}

// failed describes err at the package's boundary. Of what the server says it keeps the
// first line of the message and no details, which may hold a document.
func failed(op string, err error) error {
	text, answered := said(err)
	switch {
	case !answered:
		return fmt.Errorf("mongostore: %s: %w", op, err)
	case hasCode(err, codeDiskFull):
		return fmt.Errorf("mongostore: %s: %w: %s", op, store.ErrFull, text)
	case hasCode(err, codeTooLarge):
		return fmt.Errorf("mongostore: %s: %w: %s", op, store.ErrTooLarge, text)
	case refused(err):
		return fmt.Errorf("mongostore: %s: %w: %s", op, store.ErrRefused, text)
	}
	return fmt.Errorf("mongostore: %s: %s", op, text)
}

// said returns what the server answered, and whether it did.
func said(err error) (string, bool) {
	var write mongo.WriteException
	if errors.As(err, &write) {
		var parts []string
		for _, w := range write.WriteErrors {
			parts = append(parts, fmt.Sprintf("error %d: %s", w.Code, firstLine(w.Message)))
		}
		if w := write.WriteConcernError; w != nil {
			parts = append(parts, fmt.Sprintf("write concern: error %d: %s", w.Code, firstLine(w.Message)))
		}
		return strings.Join(parts, "; "), len(parts) > 0
	}
	var command mongo.CommandError
	if errors.As(err, &command) && command.Code != 0 {
		return fmt.Sprintf("error %d (%s): %s", command.Code, command.Name, firstLine(command.Message)), true
	}
	return "", false
}

func hasCode(err error, code int) bool {
	var e mongo.ServerError
	return errors.As(err, &e) && e.HasErrorCode(code)
}

// firstLine shortens a message, which at times repeats the command.
func firstLine(text string) string {
	const most = 200
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
