package mongostore

import (
	"errors"
	"fmt"
	"slices"
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

// refusals are the codes of answers that say that nothing was done, and that a repeat would be
// refused. Not among them are those of a server that was interrupted or shuts down, which may have
// begun.
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
	121:   true, // DocumentValidationFailure: by a rule that is not ours
	166:   true, // CommandNotSupportedOnView
	8000:  true, // AtlasError, as for a cluster that is full or paused
}

// refused reports whether an answer says that nothing was done. A failed write concern does not say
// so.
func refused(err error) bool {
	var write mongo.WriteException
	if errors.As(err, &write) {
		return len(write.WriteErrors) == 1 && refusals[write.WriteErrors[0].Code]
	}
	var command mongo.CommandError
	return errors.As(err, &command) && refusals[int(command.Code)]
}

// notPrimary reports whether an answer says that another server should be asked, and that nothing
// was done.
func notPrimary(err error) bool {
	var e mongo.ServerError
	if !refused(err) || !errors.As(err, &e) {
		return false
	}
	return slices.ContainsFunc([]int{10107, 13435, 13436, 10058}, e.HasErrorCode)
}

// failed adds the operation to an error, and the sentinel of what the server refused. Of an answer
// it keeps the first line of the message: details may contain a document.
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

// said returns the server's answer as text, and whether there is one.
func said(err error) (string, bool) {
	var write mongo.WriteException
	if errors.As(err, &write) {
		var parts []string
		for _, w := range write.WriteErrors {
			parts = append(parts, fmt.Sprintf("error %d: %s", w.Code, firstLine(w.Message)))
		}
		if w := write.WriteConcernError; w != nil {
			text := fmt.Sprintf("write concern: error %d: %s", w.Code, firstLine(w.Message))
			parts = append(parts, text)
		}
		return strings.Join(parts, "; "), len(parts) > 0
	}
	var command mongo.CommandError
	if errors.As(err, &command) && command.Code != 0 {
		text := firstLine(command.Message)
		return fmt.Sprintf("error %d (%s): %s", command.Code, command.Name, text), true
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
