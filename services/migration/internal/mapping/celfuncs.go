package mapping

import (
	"math/big"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
)

// celEnv gives what expressions may use: CEL with its string functions, and exact
// decimals. A decimal is a text; every function takes numbers too.
var celEnv = sync.OnceValues(func() (*cel.Env, error) {
	row := cel.MapType(cel.StringType, cel.DynType)
	return cel.NewEnv(
		cel.Variable("row", row), cel.Variable("root", row), cel.Variable("children", row), ext.Strings(),
		decimalPair("add", func(a, b *big.Rat) *big.Rat { return new(big.Rat).Add(a, b) }),
		decimalPair("sub", func(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }),
		decimalPair("mul", func(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }),
		cel.Function("sum", cel.Overload("sum_list", []*cel.Type{cel.ListType(cel.DynType)}, cel.StringType, cel.UnaryBinding(sum))),
		cel.Function("round", cel.Overload("round_decimal", []*cel.Type{cel.DynType, cel.IntType}, cel.StringType, cel.BinaryBinding(round))),
		cel.Function("compare", cel.Overload("compare_decimals", []*cel.Type{cel.DynType, cel.DynType}, cel.IntType, cel.BinaryBinding(compare))),
		cel.Function("slug", cel.Overload("slug_text", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			t, _ := v.Value().(string)
			return types.String(slug(t))
		}))),
	)
})

// decimalPair declares a function of two decimals.
func decimalPair(name string, f func(a, b *big.Rat) *big.Rat) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_decimals", []*cel.Type{cel.DynType, cel.DynType}, cel.StringType,
		cel.BinaryBinding(func(a, b ref.Val) ref.Val {
			x, err := celDecimal(a)
			if err != nil {
				return types.WrapErr(err)
			}
			y, err := celDecimal(b)
			if err != nil {
				return types.WrapErr(err)
			}
			return celText(f(x, y))
		})))
}

func celDecimal(v ref.Val) (*big.Rat, error) { return decimal(v.Value()) }

func celText(r *big.Rat) ref.Val {
	t, err := decimalString(r)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(t)
}

func sum(v ref.Val) ref.Val {
	list, ok := v.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	total := new(big.Rat)
	for it := list.Iterator(); it.HasNext() == types.True; {
		one, err := celDecimal(it.Next())
		if err != nil {
			return types.WrapErr(err)
		}
		total.Add(total, one)
	}
	return celText(total)
}

func round(v, places ref.Val) ref.Val {
	r, err := celDecimal(v)
	if err != nil {
		return types.WrapErr(err)
	}
	n, ok := places.(types.Int)
	if !ok || n < 0 || n > 20 {
		return types.NewErr("round: so many places cannot be")
	}
	return celText(halfUp(r, int(n)))
}

func compare(a, b ref.Val) ref.Val {
	x, err := celDecimal(a)
	if err != nil {
		return types.WrapErr(err)
	}
	y, err := celDecimal(b)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Int(x.Cmp(y))
}
