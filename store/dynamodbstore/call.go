package dynamodbstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/cloakroom-go/cloakroom/store"
)

// How often a call is made at most, unless its context ends.
const (
	readAttempts  = 5
	writeAttempts = 12
)

// readRetryer repeats calls after all errors that may pass.
func readRetryer() aws.Retryer { return retryer(readAttempts, retry.DefaultRetryables...) }

// writeRetryer repeats only what DynamoDB refused. The client's own would repeat after
// a lost connection too, when the write may have happened.
func writeRetryer() aws.Retryer { return retryer(writeAttempts) }

func retryer(attempts int, more ...retry.IsErrorRetryable) aws.Retryer {
	refused := retry.IsErrorRetryableFunc(wroteNothing)
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Retryables = append([]retry.IsErrorRetryable{refused}, more...)
		o.RateLimiter = ratelimit.None // the attempts are few, and the context ends them
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return backoff(attempt), nil
		})
	})
}

// backoff is how long to wait before the attempt after this one: up to 25 ms, doubled
// each time, up to 400 ms.
func backoff(attempt int) time.Duration {
	most := 25 * time.Millisecond << min(max(attempt-1, 0), 4)
	return most/2 + rand.N(most/2)
}

// refusals are the codes of errors that say that nothing was written and that another
// attempt may succeed.
var refusals = map[string]bool{
	"ProvisionedThroughputExceededException": true,
	"RequestLimitExceeded":                   true,
	"Throttling":                             true,
	"ThrottlingException":                    true,
	"TransactionConflictException":           true,
	"ReplicatedWriteConflictException":       true,
}

// wroteNothing reports whether an error is such a refusal. A signature that was refused because the
// clock is wrong is one too, if the client says that it has corrected its clock.
func wroteNothing(err error) aws.Ternary {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return aws.UnknownTernary
	}
	var skew interface{ RetryableError() bool }
	corrected := badSignature(api) && errors.As(err, &skew) && skew.RetryableError()
	if refusals[api.ErrorCode()] || corrected {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

func badSignature(api smithy.APIError) bool {
	switch api.ErrorCode() {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed":
		return true
	}
	return false
}

// pause waits before another attempt, or returns why there must not be one.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(backoff(attempt))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusal is an error that DynamoDB answered.
type refusal struct {
	op   string
	text string
	errs []error // the sentinel, if there is one, and the client's own
}

func (r *refusal) Error() string   { return "dynamodbstore: " + r.op + ": " + r.text }
func (r *refusal) Unwrap() []error { return r.errs }

// failed adds the operation to an error, and the sentinel if DynamoDB did nothing: it found an item
// too large, or the table or a right is missing, or it still throttles after all attempts.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("dynamodbstore: %s: %w", op, err)
	}
	text := api.ErrorCode() + ": " + api.ErrorMessage()
	switch {
	case badSignature(api):
		text = api.ErrorCode() // the message may repeat a session token
	case tooLarge(api):
		return fmt.Errorf("dynamodbstore: %s: %w: %s", op, store.ErrTooLarge, api.ErrorMessage())
	}
	if refused(api, err) {
		return &refusal{op, store.ErrRefused.Error() + ": " + text, []error{store.ErrRefused, err}}
	}
	return &refusal{op, text, []error{err}}
}

// refused reports whether an answer says that nothing was done: the HTTP status says that the
// request is at fault, or the store may try again.
func refused(api smithy.APIError, err error) bool {
	switch code := api.ErrorCode(); {
	case refusals[code]:
		return true
	case code == "TransactionInProgressException": // of an earlier attempt
		return false
	}
	var answer interface{ HTTPStatusCode() int }
	if !errors.As(err, &answer) {
		return false
	}
	status := answer.HTTPStatusCode()
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout
}

// tooLarge reports whether an item exceeded DynamoDB's limit, perhaps by attributes that are not
// this store's.
func tooLarge(api smithy.APIError) bool {
	message := strings.ToLower(api.ErrorMessage())
	return api.ErrorCode() == "ValidationException" &&
		strings.Contains(message, "item size") && strings.Contains(message, "exceeded")
}

// unmet reports whether err says that a condition was not met, and returns the item, nil if there
// is none.
func unmet(err error) (item, bool) {
	var c *types.ConditionalCheckFailedException
	if errors.As(err, &c) {
		return c.Item, true
	}
	return nil, false
}
