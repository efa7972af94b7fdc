package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/tier"
)

type trainConfig struct {
	Steps    int           `json:"steps" help:"optimiser steps"`
	Rate     float64       `json:"lr"`
	Small    int8          `json:"small"`
	Seed     uint32        `json:"seed"`
	Patience time.Duration `json:"patience"`
	Verbose  bool          `json:"verbose"`
}

func (c trainConfig) Validate() error {
	if c.Steps < 1 {
		return fmt.Errorf("steps is %d, want at least 1", c.Steps)
	}
	return nil
}

type modelConfig struct {
	Channels    int     `json:"channels"`
	Multipliers []int   `json:"multipliers"`
	Dropout     float32 `json:"dropout"`
}

type base struct {
	Name string `json:"name"`
}

type rootConfig struct {
	base
	Tier     tier.Tier   `json:"tier"`
	Train    trainConfig `json:"train"`
	Model    modelConfig `json:"model"`
	Alphas   []float64   `json:"alphas"`
	Labels   []string    `json:"labels"`
	Internal int         `json:"-"`
	hidden   int
}

func (c *rootConfig) Validate() error {
	if len(c.Alphas) > 4 {
		return errors.New("at most 4 alphas")
	}
	return nil
}

func sample() rootConfig {
	return rootConfig{
		base: base{Name: "joint"}, Tier: tier.Quick, Train: trainConfig{Steps: 100, Rate: 2e-4}, Internal: 7, hidden: 8,
		Model: modelConfig{Channels: 32, Multipliers: []int{1, 2, 2}, Dropout: 0.1}, Alphas: []float64{0, 10},
	}
}

func TestSet(t *testing.T) {
	c := sample()
	before := c.Model.Multipliers
	err := Set(&c, "train.steps=5", "train.lr = 1e-3", "model.multipliers=1, 2,4,8", "alphas=", "labels=a,b", "tier=cpu",
		"train.patience=1m30s", "train.verbose=true", "train.small=-128", "train.seed=4294967295", "name=x=y", "model.dropout=0.25")
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Train = trainConfig{Steps: 5, Rate: 1e-3, Small: -128, Seed: math.MaxUint32, Patience: 90 * time.Second, Verbose: true}
	want.Model.Multipliers, want.Model.Dropout = []int{1, 2, 4, 8}, 0.25
	want.Alphas, want.Labels, want.Tier, want.Name = []float64{}, []string{"a", "b"}, tier.CPU, "x=y"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if !reflect.DeepEqual(before, []int{1, 2, 2}) {
		t.Errorf("the old list was changed to %v", before)
	}
}

func TestSetErrorsSayWhatToDoAndChangeNothing(t *testing.T) {
	for override, want := range map[string][]string{
		"train.stepz=5":         {`unknown key "train.stepz"`, `did you mean "train.steps"`, "train.lr"},
		"trian.steps=5":         {`unknown key "trian"`, `did you mean "train"`, "model"},
		"steps=5":               {`unknown key "steps"`, `did you mean "train.steps"`},
		"zzzzzzzz=5":            {`unknown key "zzzzzzzz"`, "keys here: name, tier, train, model, alphas, labels"},
		"Internal=1":            {"unknown key"},
		"hidden=1":              {"unknown key"},
		"train=5":               {"group of keys", "train.steps"},
		"train.steps.x=5":       {"train.steps is a whole number"},
		"train.steps=five":      {"train.steps", `"five" is not a whole number`},
		"train.steps=1.5":       {`"1.5" is not a whole number`},
		"train.steps=":          {`"" is not a whole number`},
		"train.small=128":       {"128 is out of range for int8"},
		"train.seed=-1":         {"train.seed", `"-1"`},
		"train.lr=nan":          {"not a finite number"},
		"train.lr=1e999":        {"1e999 is out of range"},
		"train.verbose=maybe":   {"true or false"},
		"train.patience=5":      {"train.patience", "30s"},
		"train.steps=0":         {"train: steps is 0, want at least 1"},
		"alphas=1,2,x":          {"alphas", `"x" is not a number`},
		"alphas=1,2,3,4,5":      {"at most 4 alphas"},
		"tier=big":              {"tier", "smoke, quick, cpu, paper"},
		"train.steps":           {"key=value"},
		"=5":                    {"key=value"},
		"":                      {"key=value"},
		"train..steps=1":        {"unknown key"},
		"model.multipliers=1,,": {`"" is not a whole number`},
	} {
		t.Run(override, func(t *testing.T) {
			c := sample()
			err := Set(&c, "train.lr=0.5", override)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
			if !reflect.DeepEqual(c, sample()) {
				t.Errorf("the config was changed: %+v", c)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	c := sample()
	if err := Merge(&c, []byte(`{"train":{"steps":7},"model":{"multipliers":[3]},"tier":"smoke"}`)); err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Train.Steps, want.Model.Multipliers, want.Tier = 7, []int{3}, tier.Smoke
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for delta, part := range map[string]string{
		`{"train":{"stepz":7}}`:     `did you mean "train.steps"`,
		`{"train":{"steps":"x"}}`:   "train.steps",
		`{"train":{"steps":null}}`:  "null",
		`{"train":{"steps":1.5}}`:   "train.steps: 1.5 is not a whole number",
		`{"train":5}`:               "train: want a JSON object",
		`{"train":{"steps":0}}`:     "train: steps is 0",
		`[]`:                        "want a JSON object",
		`{"alphas":[1,2,3,4,5]}`:    "at most 4",
		`{"model":{"channels":1}}}`: "JSON",
	} {
		c := sample()
		if err := Merge(&c, []byte(delta)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v, want %q", delta, err, part)
		}
		if !reflect.DeepEqual(c, sample()) {
			t.Errorf("%s changed the config", delta)
		}
	}
}

func TestNotAStruct(t *testing.T) {
	n := 1
	if err := Set(&n, "a=1"); err == nil {
		t.Error("an int is taken for a config")
	}
}

// TestKeysRoundTrip applies every listed value as an override: nothing may change.
func TestKeysRoundTrip(t *testing.T) {
	c := sample()
	var all []string
	for _, key := range Keys(c) {
		if key.Path == "train.steps" && (key.Help != "optimiser steps" || key.Type != "whole number" || key.Value != "100") {
			t.Errorf("%+v", key)
		}
		all = append(all, key.Path+"="+key.Value)
	}
	if want := 13; len(all) != want {
		t.Errorf("%d keys, want %d: %v", len(all), want, all)
	}
	c.Labels = []string{}
	want := c
	if err := Set(&c, all...); err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, c, want)
	}
}

func FuzzSet(f *testing.F) {
	for _, seed := range []string{"train.steps=5", "model.multipliers=1,2", "alphas=1e3,-0", "train.patience=1h", "=", "a.b.c=d", "tier=cpu", "train.=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, override string) {
		c := sample()
		err := Set(&c, override)
		if err != nil {
			if !reflect.DeepEqual(c, sample()) {
				t.Errorf("%q failed (%v) and changed the config", override, err)
			}
			return
		}
		if err := Validate(c); err != nil {
			t.Errorf("%q left an invalid config: %v", override, err)
		}
	})
}

func ExampleSet() {
	type train struct {
		Steps int     `json:"steps"`
		Rate  float64 `json:"lr"`
	}
	var config struct {
		Train train `json:"train"`
	}
	fmt.Println(Set(&config, "train.steps=500", "train.lr=2e-4"), config.Train.Steps)
	fmt.Println(Set(&config, "train.stepz=5"))
	// Output:
	// <nil> 500
	// unknown key "train.stepz", did you mean "train.steps"? (keys here: train.steps, train.lr)
}
