package contract

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/message"

	"tienda/internal/fault"
)

// JSON Schema takes 1.0 and 1e2 for integers, encoding/json does not decode
// them into one. Here an integer is digits, as in I-JSON's 64 bits: what fits
// the contract can be decoded.
var wholeNumbers = &jsonschema.Vocabulary{
	URL: "urn:tienda:whole-numbers",
	Compile: func(_ *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
		if types, many := schema["type"].([]any); schema["type"] == "integer" ||
			many && slices.Contains(types, any("integer")) && !slices.Contains(types, any("number")) {
			return wholeNumber{}, nil
		}
		return nil, nil
	},
}

type wholeNumber struct{}

// Validate refuses a number that no int64 can be decoded from.
func (wholeNumber) Validate(ctx *jsonschema.ValidatorContext, v any) {
	if n, ok := v.(json.Number); ok && !isInt64(n) {
		ctx.AddError(notWhole{})
	}
}

func isInt64(n json.Number) bool {
	_, err := strconv.ParseInt(string(n), 10, 64)
	return err == nil
}

// notWhole is the kind of error that a wholeNumber reports.
type notWhole struct{}

// KeywordPath names the keyword of the schema that refuses.
func (notWhole) KeywordPath() []string { return []string{"type"} }

// LocalizedString gives the reason.
func (notWhole) LocalizedString(*message.Printer) string {
	return "is not a whole number of 64 bits, written in digits"
}

// maxExponent and maxDigits bound the numbers that are looked at. The checks
// work with exact values: 1e999999, 8 bytes of a request, took 60 ms.
const (
	maxExponent = 400
	maxDigits   = 400
)

// oversized names the numbers of a document that are out of these bounds.
func oversized(v any, at []string) (bad []fault.Field) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			bad = append(bad, oversized(member, append(slices.Clip(at), name))...)
		}
	case []any:
		for i, element := range v {
			bad = append(bad, oversized(element, append(slices.Clip(at), strconv.Itoa(i)))...)
		}
	case json.Number:
		digits, exponent, _ := strings.Cut(strings.ToLower(string(v)), "e")
		e, err := strconv.Atoi(exponent)
		if len(digits) > maxDigits || exponent != "" && (err != nil || max(e, -e) > maxExponent) {
			bad = append(bad, fault.Field{Name: pointer(at), Reason: "is not a number of a size that can be taken"})
		}
	}
	return bad
}
