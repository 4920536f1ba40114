// Checks what deploy/ holds for Helm and Compose with their own libraries, without a cluster or an engine.
//
//	manifests chart DIR [key=value ...]   renders the chart, decodes each manifest strictly into the type of its kind,
//	                                      and prints them
//	manifests lint DIR                    what `helm lint --strict` says
//	manifests refused DIR key=value ...   succeeds where the chart's schema refuses these values
//	manifests compose FILE [profile ...]  loads the file as `docker compose config` does and prints the project
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/strvals"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// The release that is rendered, and the oldest Kubernetes that the chart is for.
const (
	release    = "flowfold"
	namespace  = "observability"
	kubernetes = "v1.30.0"
)

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("say chart, lint, refused or compose, and what"))
	}
	path, more := os.Args[2], os.Args[3:]
	var err error
	switch os.Args[1] {
	case "chart":
		err = chart(path, more)
	case "lint":
		err = lintChart(path)
	case "refused":
		if _, rendered := render(path, more); rendered == nil {
			err = fmt.Errorf("these values should have been refused: %s", strings.Join(more, " "))
		}
	case "compose":
		err = compose(path, more)
	default:
		err = fmt.Errorf("there is no %s", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "manifests:", err)
	os.Exit(1)
}

// render returns the chart's manifests as Helm makes them, in the order of their names.
func render(path string, settings []string) ([]string, error) {
	chart, err := loader.Load(path)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, setting := range settings {
		if err := strvals.ParseInto(setting, values); err != nil {
			return nil, err
		}
	}
	version, err := chartutil.ParseKubeVersion(kubernetes)
	if err != nil {
		return nil, err
	}
	if !chartutil.IsCompatibleRange(chart.Metadata.KubeVersion, version.Version) {
		return nil, fmt.Errorf("the chart is not for Kubernetes %s", kubernetes)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *version
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	given, err := chartutil.ToRenderValues(chart, values, options, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, given)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		if !strings.HasSuffix(name, "NOTES.txt") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var manifests []string
	for _, name := range names {
		parts := releaseutil.SplitManifests(files[name])
		keys := make([]string, 0, len(parts))
		for key := range parts {
			keys = append(keys, key)
		}
		sort.Sort(releaseutil.BySplitManifestsOrder(keys))
		for _, key := range keys {
			manifests = append(manifests, parts[key])
		}
	}
	return manifests, nil
}

// object is what every manifest has.
type object struct {
	meta.TypeMeta `json:",inline"`
	Metadata      meta.ObjectMeta `json:"metadata"`
}

func chart(path string, settings []string) error {
	manifests, err := render(path, settings)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var pods []core.PodTemplateSpec
	var selectors []meta.LabelSelector
	configMaps := map[string]bool{}
	for _, text := range manifests {
		var head object
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			return fmt.Errorf("%w in\n%s", err, text)
		}
		name := head.Kind + "/" + head.Metadata.Name
		if seen[name] {
			return fmt.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if faults := validation.IsDNS1123Subdomain(head.Metadata.Name); len(faults) > 0 {
			return fmt.Errorf("%s: %s", name, faults)
		}
		if head.Metadata.Namespace != namespace {
			return fmt.Errorf("%s is not in the namespace of the release", name)
		}
		for key, value := range head.Metadata.Labels {
			faults := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
			if len(faults) > 0 {
				return fmt.Errorf("%s: label %s: %s", name, key, faults)
			}
		}
		switch head.APIVersion + " " + head.Kind {
		case "apps/v1 DaemonSet":
			var set apps.DaemonSet
			err = strictly(text, &set)
			pods = append(pods, set.Spec.Template)
			selectors = append(selectors, *set.Spec.Selector)
		case "v1 ConfigMap":
			var config core.ConfigMap
			err = strictly(text, &config)
			configMaps[config.Name] = true
		case "v1 ServiceAccount":
			err = strictly(text, &core.ServiceAccount{})
		case "monitoring.coreos.com/v1 PodMonitor":
			var monitor monitoring.PodMonitor
			err = strictly(text, &monitor)
			selectors = append(selectors, monitor.Spec.Selector)
		case "monitoring.coreos.com/v1 PrometheusRule":
			err = strictly(text, &monitoring.PrometheusRule{})
		default:
			err = fmt.Errorf("kind %s %s is not known here", head.APIVersion, head.Kind)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("---\n%s\n", strings.TrimPrefix(strings.TrimSpace(text), "---\n"))
	}
	return joined(pods, selectors, configMaps)
}

// strictly decodes a manifest: an unknown or doubled field, or a value of another type, is an error.
func strictly(text string, into any) error {
	return yaml.UnmarshalStrict([]byte(text), into)
}

// joined looks whether what names something else in the chart finds it.
func joined(pods []core.PodTemplateSpec, selectors []meta.LabelSelector, configMaps map[string]bool) error {
	for _, pod := range pods {
		for _, selector := range selectors {
			matches, err := meta.LabelSelectorAsSelector(&selector)
			if err != nil {
				return err
			}
			if matches.Empty() || !matches.Matches(labels.Set(pod.Labels)) {
				return fmt.Errorf("the selector %s does not match the pods' labels %v", matches, pod.Labels)
			}
		}
		volumes := map[string]bool{}
		for _, volume := range pod.Spec.Volumes {
			volumes[volume.Name] = true
			if volume.ConfigMap != nil && !configMaps[volume.ConfigMap.Name] {
				return fmt.Errorf("there is no ConfigMap %s", volume.ConfigMap.Name)
			}
		}
		for _, container := range pod.Spec.Containers {
			for _, mount := range container.VolumeMounts {
				if !volumes[mount.Name] {
					return fmt.Errorf("there is no volume %s", mount.Name)
				}
			}
			ports := map[string]bool{}
			for _, port := range container.Ports {
				ports[port.Name] = true
				if faults := validation.IsValidPortName(port.Name); len(faults) > 0 {
					return fmt.Errorf("port %s: %s", port.Name, faults)
				}
			}
			for _, probe := range []*core.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
				if probe == nil || probe.HTTPGet == nil || !ports[probe.HTTPGet.Port.String()] {
					return fmt.Errorf("a probe of %s is missing or names no port of it", container.Name)
				}
			}
		}
	}
	return nil
}

func lintChart(path string) error {
	version, err := chartutil.ParseKubeVersion(kubernetes)
	if err != nil {
		return err
	}
	linter := lint.AllWithKubeVersion(path, map[string]any{}, namespace, version)
	for _, message := range linter.Messages {
		fmt.Fprintln(os.Stderr, message)
	}
	if linter.HighestSeverity >= support.WarningSev {
		return errors.New("the chart has warnings")
	}
	return nil
}

func compose(path string, profiles []string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithProfiles(profiles), cli.WithResolvedPaths(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				return fmt.Errorf("%s mounts what is not there: %w", service.Name, err)
			}
		}
		if service.Build == nil && !strings.Contains(service.Image, ":") {
			return fmt.Errorf("the image of %s has no version", service.Name)
		}
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
