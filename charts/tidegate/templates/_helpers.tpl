{{- define "tidegate.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "tidegate.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "tidegate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tidegate.providerFields" -}}
{{- range $field, $value := .fields }}
{{- if $value }}
{{ $field }}: {{ if hasSuffix "File" $field }}{{ include "tidegate.providerFile" (merge (dict "field" (printf "%s%s" $.under $field) "file" $value) $.files) }}{{ else }}{{ toJson $value }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A file of a provider: a path as it is, a key of its Secret as the path it is mounted at. */ -}}
{{- define "tidegate.providerFile" -}}
{{- if hasPrefix "/" .file -}}
{{- toJson .file -}}
{{- else if .secretName -}}
{{- toJson (printf "/var/run/tidegate/providers/%s/%s" .name .file) -}}
{{- else -}}
{{- fail (printf "providers.%s.%s is %q, a key of a Secret, but providers.%s.secretName is empty: name the Secret, or give an absolute path" .name .field .file .name) -}}
{{- end -}}
{{- end }}

{{- /* The file that calls are signed with: a path as it is, a key of its Secret where it is mounted. */ -}}
{{- define "tidegate.hookFile" -}}
{{- if hasPrefix "/" .file -}}
{{- toJson .file -}}
{{- else if .secretName -}}
{{- toJson (printf "/var/run/tidegate/hooks/%s" .file) -}}
{{- else -}}
{{- fail (printf "hooks.%s is %q, a key of a Secret, but hooks.secretName is empty: name the Secret, or give an absolute path" .field .file) -}}
{{- end -}}
{{- end }}

{{- /* The file the operator reads at /etc/tidegate/config.yaml. */ -}}
{{- define "tidegate.config" -}}
providers:
  {{- range $name, $provider := .Values.providers }}
  {{- $files := dict "name" $name "secretName" $provider.secretName }}
  {{ $name }}:
    url: {{ toJson $provider.url }}
    {{- with $provider.timeout }}
    timeout: {{ toJson . }}
    {{- end }}
    {{- with $provider.tokenFile }}
    tokenFile: {{ include "tidegate.providerFile" (merge (dict "field" "tokenFile" "file" .) $files) }}
    {{- end }}
    {{- with $provider.basicAuth }}
    basicAuth:
      {{- include "tidegate.providerFields" (dict "under" "basicAuth." "fields" . "files" $files) | nindent 6 }}
    {{- end }}
    {{- with $provider.tls }}
    tls:
      {{- include "tidegate.providerFields" (dict "under" "tls." "fields" . "files" $files) | nindent 6 }}
    {{- end }}
    {{- with $provider.headers }}
    headers: {{ toJson . }}
    {{- end }}
    {{- with $provider.headerFiles }}
    headerFiles:
      {{- range $header, $file := . }}
      {{ toJson $header }}: {{ include "tidegate.providerFile" (merge (dict "field" (printf "headerFiles.%s" $header) "file" $file) $files) }}
      {{- end }}
    {{- end }}
  {{- end }}
telemetry:
  {{- toYaml .Values.telemetry | nindent 2 }}
namespaces: {{ toJson .Values.watchNamespaces }}
{{- with .Values.hooks }}
{{- if or .signingKeyFile .signingKeyFiles }}
{{- $secretName := .secretName }}
hooks:
  {{- with .signingKeyFile }}
  signingKeyFile: {{ include "tidegate.hookFile" (dict "field" "signingKeyFile" "file" . "secretName" $secretName) }}
  {{- end }}
  {{- with .signingKeyFiles }}
  signingKeyFiles:
    {{- range $namespace, $file := . }}
    {{ toJson $namespace }}: {{ include "tidegate.hookFile" (dict "field" (printf "signingKeyFiles.%s" $namespace) "file" $file "secretName" $secretName) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /*
Every right the operator uses, and no other. No Secrets, no pods but to list them, no CRDs: the API
server's discovery is open to every service account.
*/ -}}
{{- define "tidegate.rules" -}}
- apiGroups: [tidegate.io]
  resources: [rollouts]
  verbs: [get, list, watch, patch]
- apiGroups: [tidegate.io]
  resources: [rollouts/status]
  verbs: [update]
- apiGroups: [tidegate.io]
  resources: [rolloutruns]
  verbs: [get, create, delete]
- apiGroups: [tidegate.io]
  resources: [rolloutruns/status]
  verbs: [patch]
- apiGroups: [tidegate.io]
  resources: [rolloutactions]
  verbs: [list, watch]
- apiGroups: [tidegate.io]
  resources: [rolloutactions/status]
  verbs: [patch]
{{- if not .Values.watchNamespaces }}
- apiGroups: [tidegate.io]
  resources: [rolloutpolicies]
  verbs: [list, watch]
- apiGroups: [tidegate.io]
  resources: [rolloutpolicies/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, patch]
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  verbs: [get, list, watch, create, patch]
- apiGroups: [networking.istio.io]
  resources: [destinationrules]
  verbs: [get, list, watch, create, patch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- if .Values.rbac.hooks }}
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
{{- end }}
{{- if .Values.rbac.configMaps }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
{{- end }}
{{- if .Values.rbac.pods }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end }}
{{- if .Values.rbac.secrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- end }}
