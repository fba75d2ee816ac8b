//! Field numbers and names of the built-in kinds, written by scripts/kubernetes-protobuf from Kubernetes v0.37.2.

use super::messages::Kind::{
    self, Flag, Given, GivenFlag, GivenOf, Inline, Json, Map, MicroTime, Number, NumberOrText, Of,
    Quantity, Text, Time,
};
use super::messages::{Message, many, one};

const OWNER_REFERENCE: Message = &[
    one(1, "kind", Text),
    one(3, "name", Text),
    one(4, "uid", Text),
    one(5, "apiVersion", Text),
    one(6, "controller", GivenFlag),
    one(7, "blockOwnerDeletion", GivenFlag),
];
const MANAGED_FIELDS_ENTRY: Message = &[
    one(1, "manager", Text),
    one(2, "operation", Text),
    one(3, "apiVersion", Text),
    one(4, "time", Time),
    one(6, "fieldsType", Text),
    one(7, "fieldsV1", Json),
    one(8, "subresource", Text),
];
pub(super) const OBJECT_META: Message = &[
    one(1, "name", Text),
    one(2, "generateName", Text),
    one(3, "namespace", Text),
    one(4, "selfLink", Text),
    one(5, "uid", Text),
    one(6, "resourceVersion", Text),
    one(7, "generation", Number),
    one(8, "creationTimestamp", Time),
    one(9, "deletionTimestamp", Time),
    one(10, "deletionGracePeriodSeconds", Given),
    one(11, "labels", Map(&Text)),
    one(12, "annotations", Map(&Text)),
    many(13, "ownerReferences", GivenOf(OWNER_REFERENCE)),
    many(14, "finalizers", Text),
    many(17, "managedFields", GivenOf(MANAGED_FIELDS_ENTRY)),
];
const NAMESPACE_SPEC: Message = &[many(1, "finalizers", Text)];
const NAMESPACE_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(4, "lastTransitionTime", Time),
    one(5, "reason", Text),
    one(6, "message", Text),
];
const NAMESPACE_STATUS: Message =
    &[one(1, "phase", Text), many(2, "conditions", GivenOf(NAMESPACE_CONDITION))];
pub(super) const NAMESPACE: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(NAMESPACE_SPEC)),
    one(3, "status", Of(NAMESPACE_STATUS)),
];
const TAINT: Message = &[
    one(1, "key", Text),
    one(2, "value", Text),
    one(3, "effect", Text),
    one(4, "timeAdded", Time),
];
const CONFIG_MAP_NODE_CONFIG_SOURCE: Message = &[
    one(1, "namespace", Text),
    one(2, "name", Text),
    one(3, "uid", Text),
    one(4, "resourceVersion", Text),
    one(5, "kubeletConfigKey", Text),
];
const NODE_CONFIG_SOURCE: Message = &[one(2, "configMap", GivenOf(CONFIG_MAP_NODE_CONFIG_SOURCE))];
const NODE_POD_PREEMPTION_POLICY: Message = &[many(1, "disableResizePreemption", Text)];
const NODE_SPEC: Message = &[
    one(1, "podCIDR", Text),
    one(2, "externalID", Text),
    one(3, "providerID", Text),
    one(4, "unschedulable", Flag),
    many(5, "taints", GivenOf(TAINT)),
    one(6, "configSource", GivenOf(NODE_CONFIG_SOURCE)),
    many(7, "podCIDRs", Text),
    one(8, "podPreemptionPolicy", GivenOf(NODE_POD_PREEMPTION_POLICY)),
];
const NODE_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(3, "lastHeartbeatTime", Time),
    one(4, "lastTransitionTime", Time),
    one(5, "reason", Text),
    one(6, "message", Text),
];
const NODE_ADDRESS: Message = &[one(1, "type", Text), one(2, "address", Text)];
const DAEMON_ENDPOINT: Message = &[one(1, "Port", Number)];
const NODE_DAEMON_ENDPOINTS: Message = &[one(1, "kubeletEndpoint", Of(DAEMON_ENDPOINT))];
const NODE_SWAP_STATUS: Message = &[one(1, "capacity", Given)];
const NODE_SYSTEM_INFO: Message = &[
    one(1, "machineID", Text),
    one(2, "systemUUID", Text),
    one(3, "bootID", Text),
    one(4, "kernelVersion", Text),
    one(5, "osImage", Text),
    one(6, "containerRuntimeVersion", Text),
    one(7, "kubeletVersion", Text),
    one(8, "kubeProxyVersion", Text),
    one(9, "operatingSystem", Text),
    one(10, "architecture", Text),
    one(11, "swap", GivenOf(NODE_SWAP_STATUS)),
    one(12, "runningInUserNamespace", GivenFlag),
];
const CONTAINER_IMAGE: Message = &[many(1, "names", Text), one(2, "sizeBytes", Number)];
const ATTACHED_VOLUME: Message = &[one(1, "name", Text), one(2, "devicePath", Text)];
const NODE_CONFIG_STATUS: Message = &[
    one(1, "assigned", GivenOf(NODE_CONFIG_SOURCE)),
    one(2, "active", GivenOf(NODE_CONFIG_SOURCE)),
    one(3, "lastKnownGood", GivenOf(NODE_CONFIG_SOURCE)),
    one(4, "error", Text),
];
const NODE_RUNTIME_HANDLER_FEATURES: Message =
    &[one(1, "recursiveReadOnlyMounts", GivenFlag), one(2, "userNamespaces", GivenFlag)];
const NODE_RUNTIME_HANDLER: Message =
    &[one(1, "name", Text), one(2, "features", GivenOf(NODE_RUNTIME_HANDLER_FEATURES))];
const NODE_FEATURES: Message = &[one(1, "supplementalGroupsPolicy", GivenFlag)];
const NODE_STATUS: Message = &[
    one(1, "capacity", Map(&Quantity)),
    one(2, "allocatable", Map(&Quantity)),
    one(3, "phase", Text),
    many(4, "conditions", GivenOf(NODE_CONDITION)),
    many(5, "addresses", GivenOf(NODE_ADDRESS)),
    one(6, "daemonEndpoints", Of(NODE_DAEMON_ENDPOINTS)),
    one(7, "nodeInfo", Of(NODE_SYSTEM_INFO)),
    many(8, "images", GivenOf(CONTAINER_IMAGE)),
    many(9, "volumesInUse", Text),
    many(10, "volumesAttached", GivenOf(ATTACHED_VOLUME)),
    one(11, "config", GivenOf(NODE_CONFIG_STATUS)),
    many(12, "runtimeHandlers", GivenOf(NODE_RUNTIME_HANDLER)),
    one(13, "features", GivenOf(NODE_FEATURES)),
    many(14, "declaredFeatures", Text),
];
pub(super) const NODE: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(NODE_SPEC)),
    one(3, "status", Of(NODE_STATUS)),
];
const HOST_PATH_VOLUME_SOURCE: Message = &[one(1, "path", Text), one(2, "type", Text)];
const EMPTY_DIR_VOLUME_SOURCE: Message =
    &[one(1, "medium", Text), one(2, "sizeLimit", Quantity), one(3, "mode", Given)];
const GCE_PERSISTENT_DISK_VOLUME_SOURCE: Message = &[
    one(1, "pdName", Text),
    one(2, "fsType", Text),
    one(3, "partition", Number),
    one(4, "readOnly", Flag),
];
const AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Message = &[
    one(1, "volumeID", Text),
    one(2, "fsType", Text),
    one(3, "partition", Number),
    one(4, "readOnly", Flag),
];
const GIT_REPO_VOLUME_SOURCE: Message =
    &[one(1, "repository", Text), one(2, "revision", Text), one(3, "directory", Text)];
const KEY_TO_PATH: Message =
    &[one(1, "key", Text), one(2, "path", Text), one(3, "mode", Given), one(4, "user", Given)];
const SECRET_VOLUME_SOURCE: Message = &[
    one(1, "secretName", Text),
    many(2, "items", GivenOf(KEY_TO_PATH)),
    one(3, "defaultMode", Given),
    one(4, "optional", GivenFlag),
    one(5, "defaultUser", Given),
];
const NFS_VOLUME_SOURCE: Message =
    &[one(1, "server", Text), one(2, "path", Text), one(3, "readOnly", Flag)];
const LOCAL_OBJECT_REFERENCE: Message = &[one(1, "name", Text)];
const ISCSI_VOLUME_SOURCE: Message = &[
    one(1, "targetPortal", Text),
    one(2, "iqn", Text),
    one(3, "lun", Number),
    one(4, "iscsiInterface", Text),
    one(5, "fsType", Text),
    one(6, "readOnly", Flag),
    many(7, "portals", Text),
    one(8, "chapAuthDiscovery", Flag),
    one(10, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(11, "chapAuthSession", Flag),
    one(12, "initiatorName", Text),
];
const GLUSTERFS_VOLUME_SOURCE: Message =
    &[one(1, "endpoints", Text), one(2, "path", Text), one(3, "readOnly", Flag)];
const PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Message =
    &[one(1, "claimName", Text), one(2, "readOnly", Flag)];
const RBD_VOLUME_SOURCE: Message = &[
    many(1, "monitors", Text),
    one(2, "image", Text),
    one(3, "fsType", Text),
    one(4, "pool", Text),
    one(5, "user", Text),
    one(6, "keyring", Text),
    one(7, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(8, "readOnly", Flag),
];
const FLEX_VOLUME_SOURCE: Message = &[
    one(1, "driver", Text),
    one(2, "fsType", Text),
    one(3, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(4, "readOnly", Flag),
    one(5, "options", Map(&Text)),
];
const CINDER_VOLUME_SOURCE: Message = &[
    one(1, "volumeID", Text),
    one(2, "fsType", Text),
    one(3, "readOnly", Flag),
    one(4, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
];
const CEPH_FS_VOLUME_SOURCE: Message = &[
    many(1, "monitors", Text),
    one(2, "path", Text),
    one(3, "user", Text),
    one(4, "secretFile", Text),
    one(5, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(6, "readOnly", Flag),
];
const FLOCKER_VOLUME_SOURCE: Message = &[one(1, "datasetName", Text), one(2, "datasetUUID", Text)];
const OBJECT_FIELD_SELECTOR: Message = &[one(1, "apiVersion", Text), one(2, "fieldPath", Text)];
const RESOURCE_FIELD_SELECTOR: Message =
    &[one(1, "containerName", Text), one(2, "resource", Text), one(3, "divisor", Quantity)];
const DOWNWARD_API_VOLUME_FILE: Message = &[
    one(1, "path", Text),
    one(2, "fieldRef", GivenOf(OBJECT_FIELD_SELECTOR)),
    one(3, "resourceFieldRef", GivenOf(RESOURCE_FIELD_SELECTOR)),
    one(4, "mode", Given),
    one(5, "user", Given),
];
const DOWNWARD_API_VOLUME_SOURCE: Message = &[
    many(1, "items", GivenOf(DOWNWARD_API_VOLUME_FILE)),
    one(2, "defaultMode", Given),
    one(3, "defaultUser", Given),
];
const FC_VOLUME_SOURCE: Message = &[
    many(1, "targetWWNs", Text),
    one(2, "lun", Given),
    one(3, "fsType", Text),
    one(4, "readOnly", Flag),
    many(5, "wwids", Text),
];
const AZURE_FILE_VOLUME_SOURCE: Message =
    &[one(1, "secretName", Text), one(2, "shareName", Text), one(3, "readOnly", Flag)];
const CONFIG_MAP_VOLUME_SOURCE: Message = &[
    one(1, "", Inline(LOCAL_OBJECT_REFERENCE)),
    many(2, "items", GivenOf(KEY_TO_PATH)),
    one(3, "defaultMode", Given),
    one(4, "optional", GivenFlag),
    one(5, "defaultUser", Given),
];
const VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Message = &[
    one(1, "volumePath", Text),
    one(2, "fsType", Text),
    one(3, "storagePolicyName", Text),
    one(4, "storagePolicyID", Text),
];
const QUOBYTE_VOLUME_SOURCE: Message = &[
    one(1, "registry", Text),
    one(2, "volume", Text),
    one(3, "readOnly", Flag),
    one(4, "user", Text),
    one(5, "group", Text),
    one(6, "tenant", Text),
];
const AZURE_DISK_VOLUME_SOURCE: Message = &[
    one(1, "diskName", Text),
    one(2, "diskURI", Text),
    one(3, "cachingMode", Text),
    one(4, "fsType", Text),
    one(5, "readOnly", GivenFlag),
    one(6, "kind", Text),
];
const PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Message =
    &[one(1, "pdID", Text), one(2, "fsType", Text)];
const PORTWORX_VOLUME_SOURCE: Message =
    &[one(1, "volumeID", Text), one(2, "fsType", Text), one(3, "readOnly", Flag)];
const SCALE_IO_VOLUME_SOURCE: Message = &[
    one(1, "gateway", Text),
    one(2, "system", Text),
    one(3, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(4, "sslEnabled", Flag),
    one(5, "protectionDomain", Text),
    one(6, "storagePool", Text),
    one(7, "storageMode", Text),
    one(8, "volumeName", Text),
    one(9, "fsType", Text),
    one(10, "readOnly", Flag),
];
const SECRET_PROJECTION: Message = &[
    one(1, "", Inline(LOCAL_OBJECT_REFERENCE)),
    many(2, "items", GivenOf(KEY_TO_PATH)),
    one(4, "optional", GivenFlag),
];
const DOWNWARD_API_PROJECTION: Message = &[many(1, "items", GivenOf(DOWNWARD_API_VOLUME_FILE))];
const CONFIG_MAP_PROJECTION: Message = &[
    one(1, "", Inline(LOCAL_OBJECT_REFERENCE)),
    many(2, "items", GivenOf(KEY_TO_PATH)),
    one(4, "optional", GivenFlag),
];
const SERVICE_ACCOUNT_TOKEN_PROJECTION: Message = &[
    one(1, "audience", Text),
    one(2, "expirationSeconds", Given),
    one(3, "path", Text),
    one(4, "user", Given),
];
const LABEL_SELECTOR_REQUIREMENT: Message =
    &[one(1, "key", Text), one(2, "operator", Text), many(3, "values", Text)];
const LABEL_SELECTOR: Message = &[
    one(1, "matchLabels", Map(&Text)),
    many(2, "matchExpressions", GivenOf(LABEL_SELECTOR_REQUIREMENT)),
];
const CLUSTER_TRUST_BUNDLE_PROJECTION: Message = &[
    one(1, "name", Text),
    one(2, "signerName", Text),
    one(3, "labelSelector", GivenOf(LABEL_SELECTOR)),
    one(4, "path", Text),
    one(5, "optional", GivenFlag),
    one(6, "user", Given),
];
const POD_CERTIFICATE_PROJECTION: Message = &[
    one(1, "signerName", Text),
    one(2, "keyType", Text),
    one(3, "maxExpirationSeconds", Given),
    one(4, "credentialBundlePath", Text),
    one(5, "keyPath", Text),
    one(6, "certificateChainPath", Text),
    one(7, "userAnnotations", Map(&Text)),
    one(8, "user", Given),
];
const VOLUME_PROJECTION: Message = &[
    one(1, "secret", GivenOf(SECRET_PROJECTION)),
    one(2, "downwardAPI", GivenOf(DOWNWARD_API_PROJECTION)),
    one(3, "configMap", GivenOf(CONFIG_MAP_PROJECTION)),
    one(4, "serviceAccountToken", GivenOf(SERVICE_ACCOUNT_TOKEN_PROJECTION)),
    one(5, "clusterTrustBundle", GivenOf(CLUSTER_TRUST_BUNDLE_PROJECTION)),
    one(6, "podCertificate", GivenOf(POD_CERTIFICATE_PROJECTION)),
];
const PROJECTED_VOLUME_SOURCE: Message = &[
    many(1, "sources", GivenOf(VOLUME_PROJECTION)),
    one(2, "defaultMode", Given),
    one(3, "defaultUser", Given),
];
const STORAGE_OS_VOLUME_SOURCE: Message = &[
    one(1, "volumeName", Text),
    one(2, "volumeNamespace", Text),
    one(3, "fsType", Text),
    one(4, "readOnly", Flag),
    one(5, "secretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
];
const CSI_VOLUME_SOURCE: Message = &[
    one(1, "driver", Text),
    one(2, "readOnly", GivenFlag),
    one(3, "fsType", Text),
    one(4, "volumeAttributes", Map(&Text)),
    one(5, "nodePublishSecretRef", GivenOf(LOCAL_OBJECT_REFERENCE)),
];
const VOLUME_RESOURCE_REQUIREMENTS: Message =
    &[one(1, "limits", Map(&Quantity)), one(2, "requests", Map(&Quantity))];
const TYPED_LOCAL_OBJECT_REFERENCE: Message =
    &[one(1, "apiGroup", Text), one(2, "kind", Text), one(3, "name", Text)];
const TYPED_OBJECT_REFERENCE: Message = &[
    one(1, "apiGroup", Text),
    one(2, "kind", Text),
    one(3, "name", Text),
    one(4, "namespace", Text),
];
const PERSISTENT_VOLUME_CLAIM_SPEC: Message = &[
    many(1, "accessModes", Text),
    one(2, "resources", Of(VOLUME_RESOURCE_REQUIREMENTS)),
    one(3, "volumeName", Text),
    one(4, "selector", GivenOf(LABEL_SELECTOR)),
    one(5, "storageClassName", Text),
    one(6, "volumeMode", Text),
    one(7, "dataSource", GivenOf(TYPED_LOCAL_OBJECT_REFERENCE)),
    one(8, "dataSourceRef", GivenOf(TYPED_OBJECT_REFERENCE)),
    one(9, "volumeAttributesClassName", Text),
];
const PERSISTENT_VOLUME_CLAIM_TEMPLATE: Message =
    &[one(1, "metadata", Of(OBJECT_META)), one(2, "spec", Of(PERSISTENT_VOLUME_CLAIM_SPEC))];
const EPHEMERAL_VOLUME_SOURCE: Message =
    &[one(1, "volumeClaimTemplate", GivenOf(PERSISTENT_VOLUME_CLAIM_TEMPLATE))];
const IMAGE_VOLUME_SOURCE: Message = &[one(1, "reference", Text), one(2, "pullPolicy", Text)];
const VOLUME_SOURCE: Message = &[
    one(1, "hostPath", GivenOf(HOST_PATH_VOLUME_SOURCE)),
    one(2, "emptyDir", GivenOf(EMPTY_DIR_VOLUME_SOURCE)),
    one(3, "gcePersistentDisk", GivenOf(GCE_PERSISTENT_DISK_VOLUME_SOURCE)),
    one(4, "awsElasticBlockStore", GivenOf(AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE)),
    one(5, "gitRepo", GivenOf(GIT_REPO_VOLUME_SOURCE)),
    one(6, "secret", GivenOf(SECRET_VOLUME_SOURCE)),
    one(7, "nfs", GivenOf(NFS_VOLUME_SOURCE)),
    one(8, "iscsi", GivenOf(ISCSI_VOLUME_SOURCE)),
    one(9, "glusterfs", GivenOf(GLUSTERFS_VOLUME_SOURCE)),
    one(10, "persistentVolumeClaim", GivenOf(PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE)),
    one(11, "rbd", GivenOf(RBD_VOLUME_SOURCE)),
    one(12, "flexVolume", GivenOf(FLEX_VOLUME_SOURCE)),
    one(13, "cinder", GivenOf(CINDER_VOLUME_SOURCE)),
    one(14, "cephfs", GivenOf(CEPH_FS_VOLUME_SOURCE)),
    one(15, "flocker", GivenOf(FLOCKER_VOLUME_SOURCE)),
    one(16, "downwardAPI", GivenOf(DOWNWARD_API_VOLUME_SOURCE)),
    one(17, "fc", GivenOf(FC_VOLUME_SOURCE)),
    one(18, "azureFile", GivenOf(AZURE_FILE_VOLUME_SOURCE)),
    one(19, "configMap", GivenOf(CONFIG_MAP_VOLUME_SOURCE)),
    one(20, "vsphereVolume", GivenOf(VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE)),
    one(21, "quobyte", GivenOf(QUOBYTE_VOLUME_SOURCE)),
    one(22, "azureDisk", GivenOf(AZURE_DISK_VOLUME_SOURCE)),
    one(23, "photonPersistentDisk", GivenOf(PHOTON_PERSISTENT_DISK_VOLUME_SOURCE)),
    one(24, "portworxVolume", GivenOf(PORTWORX_VOLUME_SOURCE)),
    one(25, "scaleIO", GivenOf(SCALE_IO_VOLUME_SOURCE)),
    one(26, "projected", GivenOf(PROJECTED_VOLUME_SOURCE)),
    one(27, "storageos", GivenOf(STORAGE_OS_VOLUME_SOURCE)),
    one(28, "csi", GivenOf(CSI_VOLUME_SOURCE)),
    one(29, "ephemeral", GivenOf(EPHEMERAL_VOLUME_SOURCE)),
    one(30, "image", GivenOf(IMAGE_VOLUME_SOURCE)),
];
const VOLUME: Message = &[one(1, "name", Text), one(2, "", Inline(VOLUME_SOURCE))];
const CONTAINER_PORT: Message = &[
    one(1, "name", Text),
    one(2, "hostPort", Number),
    one(3, "containerPort", Number),
    one(4, "protocol", Text),
    one(5, "hostIP", Text),
];
const CONFIG_MAP_KEY_SELECTOR: Message = &[
    one(1, "", Inline(LOCAL_OBJECT_REFERENCE)),
    one(2, "key", Text),
    one(3, "optional", GivenFlag),
];
const SECRET_KEY_SELECTOR: Message = &[
    one(1, "", Inline(LOCAL_OBJECT_REFERENCE)),
    one(2, "key", Text),
    one(3, "optional", GivenFlag),
];
const FILE_KEY_SELECTOR: Message = &[
    one(1, "volumeName", Text),
    one(2, "path", Text),
    one(3, "key", Text),
    one(4, "optional", GivenFlag),
];
const ENV_VAR_SOURCE: Message = &[
    one(1, "fieldRef", GivenOf(OBJECT_FIELD_SELECTOR)),
    one(2, "resourceFieldRef", GivenOf(RESOURCE_FIELD_SELECTOR)),
    one(3, "configMapKeyRef", GivenOf(CONFIG_MAP_KEY_SELECTOR)),
    one(4, "secretKeyRef", GivenOf(SECRET_KEY_SELECTOR)),
    one(5, "fileKeyRef", GivenOf(FILE_KEY_SELECTOR)),
];
const ENV_VAR: Message =
    &[one(1, "name", Text), one(2, "value", Text), one(3, "valueFrom", GivenOf(ENV_VAR_SOURCE))];
const RESOURCE_CLAIM: Message = &[one(1, "name", Text), one(2, "request", Text)];
const RESOURCE_REQUIREMENTS: Message = &[
    one(1, "limits", Map(&Quantity)),
    one(2, "requests", Map(&Quantity)),
    many(3, "claims", GivenOf(RESOURCE_CLAIM)),
];
const VOLUME_MOUNT: Message = &[
    one(1, "name", Text),
    one(2, "readOnly", Flag),
    one(3, "mountPath", Text),
    one(4, "subPath", Text),
    one(5, "mountPropagation", Text),
    one(6, "subPathExpr", Text),
    one(7, "recursiveReadOnly", Text),
    many(8, "bindMountOptions", Text),
];
const EXEC_ACTION: Message = &[many(1, "command", Text)];
const HTTP_HEADER: Message = &[one(1, "name", Text), one(2, "value", Text)];
const HTTP_GET_ACTION: Message = &[
    one(1, "path", Text),
    one(2, "port", NumberOrText),
    one(3, "host", Text),
    one(4, "scheme", Text),
    many(5, "httpHeaders", GivenOf(HTTP_HEADER)),
    one(6, "protocol", Text),
];
const TCP_SOCKET_ACTION: Message = &[one(1, "port", NumberOrText), one(2, "host", Text)];
const GRPC_ACTION: Message =
    &[one(1, "port", Number), one(2, "service", Text), one(3, "mode", Text)];
const PROBE_HANDLER: Message = &[
    one(1, "exec", GivenOf(EXEC_ACTION)),
    one(2, "httpGet", GivenOf(HTTP_GET_ACTION)),
    one(3, "tcpSocket", GivenOf(TCP_SOCKET_ACTION)),
    one(4, "grpc", GivenOf(GRPC_ACTION)),
];
const PROBE: Message = &[
    one(1, "", Inline(PROBE_HANDLER)),
    one(2, "initialDelaySeconds", Number),
    one(3, "timeoutSeconds", Number),
    one(4, "periodSeconds", Number),
    one(5, "successThreshold", Number),
    one(6, "failureThreshold", Number),
    one(7, "terminationGracePeriodSeconds", Given),
];
const SLEEP_ACTION: Message = &[one(1, "seconds", Number)];
const LIFECYCLE_HANDLER: Message = &[
    one(1, "exec", GivenOf(EXEC_ACTION)),
    one(2, "httpGet", GivenOf(HTTP_GET_ACTION)),
    one(3, "tcpSocket", GivenOf(TCP_SOCKET_ACTION)),
    one(4, "sleep", GivenOf(SLEEP_ACTION)),
];
const LIFECYCLE: Message = &[
    one(1, "postStart", GivenOf(LIFECYCLE_HANDLER)),
    one(2, "preStop", GivenOf(LIFECYCLE_HANDLER)),
    one(3, "stopSignal", Text),
];
const CAPABILITIES: Message = &[many(1, "add", Text), many(2, "drop", Text)];
const SE_LINUX_OPTIONS: Message =
    &[one(1, "user", Text), one(2, "role", Text), one(3, "type", Text), one(4, "level", Text)];
const WINDOWS_SECURITY_CONTEXT_OPTIONS: Message = &[
    one(1, "gmsaCredentialSpecName", Text),
    one(2, "gmsaCredentialSpec", Text),
    one(3, "runAsUserName", Text),
    one(4, "hostProcess", GivenFlag),
];
const SECCOMP_PROFILE: Message = &[one(1, "type", Text), one(2, "localhostProfile", Text)];
const APP_ARMOR_PROFILE: Message = &[one(1, "type", Text), one(2, "localhostProfile", Text)];
const SECURITY_CONTEXT: Message = &[
    one(1, "capabilities", GivenOf(CAPABILITIES)),
    one(2, "privileged", GivenFlag),
    one(3, "seLinuxOptions", GivenOf(SE_LINUX_OPTIONS)),
    one(4, "runAsUser", Given),
    one(5, "runAsNonRoot", GivenFlag),
    one(6, "readOnlyRootFilesystem", GivenFlag),
    one(7, "allowPrivilegeEscalation", GivenFlag),
    one(8, "runAsGroup", Given),
    one(9, "procMount", Text),
    one(10, "windowsOptions", GivenOf(WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    one(11, "seccompProfile", GivenOf(SECCOMP_PROFILE)),
    one(12, "appArmorProfile", GivenOf(APP_ARMOR_PROFILE)),
];
const CONFIG_MAP_ENV_SOURCE: Message =
    &[one(1, "", Inline(LOCAL_OBJECT_REFERENCE)), one(2, "optional", GivenFlag)];
const SECRET_ENV_SOURCE: Message =
    &[one(1, "", Inline(LOCAL_OBJECT_REFERENCE)), one(2, "optional", GivenFlag)];
const ENV_FROM_SOURCE: Message = &[
    one(1, "prefix", Text),
    one(2, "configMapRef", GivenOf(CONFIG_MAP_ENV_SOURCE)),
    one(3, "secretRef", GivenOf(SECRET_ENV_SOURCE)),
];
const VOLUME_DEVICE: Message = &[one(1, "name", Text), one(2, "devicePath", Text)];
const CONTAINER_RESIZE_POLICY: Message =
    &[one(1, "resourceName", Text), one(2, "restartPolicy", Text)];
const CONTAINER_RESTART_RULE_ON_EXIT_CODES: Message =
    &[one(1, "operator", Text), many(2, "values", Given)];
const CONTAINER_RESTART_RULE: Message =
    &[one(1, "action", Text), one(2, "exitCodes", GivenOf(CONTAINER_RESTART_RULE_ON_EXIT_CODES))];
const CONTAINER: Message = &[
    one(1, "name", Text),
    one(2, "image", Text),
    many(3, "command", Text),
    many(4, "args", Text),
    one(5, "workingDir", Text),
    many(6, "ports", GivenOf(CONTAINER_PORT)),
    many(7, "env", GivenOf(ENV_VAR)),
    one(8, "resources", Of(RESOURCE_REQUIREMENTS)),
    many(9, "volumeMounts", GivenOf(VOLUME_MOUNT)),
    one(10, "livenessProbe", GivenOf(PROBE)),
    one(11, "readinessProbe", GivenOf(PROBE)),
    one(12, "lifecycle", GivenOf(LIFECYCLE)),
    one(13, "terminationMessagePath", Text),
    one(14, "imagePullPolicy", Text),
    one(15, "securityContext", GivenOf(SECURITY_CONTEXT)),
    one(16, "stdin", Flag),
    one(17, "stdinOnce", Flag),
    one(18, "tty", Flag),
    many(19, "envFrom", GivenOf(ENV_FROM_SOURCE)),
    one(20, "terminationMessagePolicy", Text),
    many(21, "volumeDevices", GivenOf(VOLUME_DEVICE)),
    one(22, "startupProbe", GivenOf(PROBE)),
    many(23, "resizePolicy", GivenOf(CONTAINER_RESIZE_POLICY)),
    one(24, "restartPolicy", Text),
    many(25, "restartPolicyRules", GivenOf(CONTAINER_RESTART_RULE)),
];
const SYSCTL: Message = &[one(1, "name", Text), one(2, "value", Text)];
const POD_SECURITY_CONTEXT: Message = &[
    one(1, "seLinuxOptions", GivenOf(SE_LINUX_OPTIONS)),
    one(2, "runAsUser", Given),
    one(3, "runAsNonRoot", GivenFlag),
    many(4, "supplementalGroups", Given),
    one(5, "fsGroup", Given),
    one(6, "runAsGroup", Given),
    many(7, "sysctls", GivenOf(SYSCTL)),
    one(8, "windowsOptions", GivenOf(WINDOWS_SECURITY_CONTEXT_OPTIONS)),
    one(9, "fsGroupChangePolicy", Text),
    one(10, "seccompProfile", GivenOf(SECCOMP_PROFILE)),
    one(11, "appArmorProfile", GivenOf(APP_ARMOR_PROFILE)),
    one(12, "supplementalGroupsPolicy", Text),
    one(13, "seLinuxChangePolicy", Text),
];
const NODE_SELECTOR_REQUIREMENT: Message =
    &[one(1, "key", Text), one(2, "operator", Text), many(3, "values", Text)];
const NODE_SELECTOR_TERM: Message = &[
    many(1, "matchExpressions", GivenOf(NODE_SELECTOR_REQUIREMENT)),
    many(2, "matchFields", GivenOf(NODE_SELECTOR_REQUIREMENT)),
];
const NODE_SELECTOR: Message = &[many(1, "nodeSelectorTerms", GivenOf(NODE_SELECTOR_TERM))];
const PREFERRED_SCHEDULING_TERM: Message =
    &[one(1, "weight", Number), one(2, "preference", Of(NODE_SELECTOR_TERM))];
const NODE_AFFINITY: Message = &[
    one(1, "requiredDuringSchedulingIgnoredDuringExecution", GivenOf(NODE_SELECTOR)),
    many(2, "preferredDuringSchedulingIgnoredDuringExecution", GivenOf(PREFERRED_SCHEDULING_TERM)),
];
const POD_AFFINITY_TERM: Message = &[
    one(1, "labelSelector", GivenOf(LABEL_SELECTOR)),
    many(2, "namespaces", Text),
    one(3, "topologyKey", Text),
    one(4, "namespaceSelector", GivenOf(LABEL_SELECTOR)),
    many(5, "matchLabelKeys", Text),
    many(6, "mismatchLabelKeys", Text),
];
const WEIGHTED_POD_AFFINITY_TERM: Message =
    &[one(1, "weight", Number), one(2, "podAffinityTerm", Of(POD_AFFINITY_TERM))];
const POD_AFFINITY: Message = &[
    many(1, "requiredDuringSchedulingIgnoredDuringExecution", GivenOf(POD_AFFINITY_TERM)),
    many(2, "preferredDuringSchedulingIgnoredDuringExecution", GivenOf(WEIGHTED_POD_AFFINITY_TERM)),
];
const POD_ANTI_AFFINITY: Message = &[
    many(1, "requiredDuringSchedulingIgnoredDuringExecution", GivenOf(POD_AFFINITY_TERM)),
    many(2, "preferredDuringSchedulingIgnoredDuringExecution", GivenOf(WEIGHTED_POD_AFFINITY_TERM)),
];
const AFFINITY: Message = &[
    one(1, "nodeAffinity", GivenOf(NODE_AFFINITY)),
    one(2, "podAffinity", GivenOf(POD_AFFINITY)),
    one(3, "podAntiAffinity", GivenOf(POD_ANTI_AFFINITY)),
];
const TOLERATION: Message = &[
    one(1, "key", Text),
    one(2, "operator", Text),
    one(3, "value", Text),
    one(4, "effect", Text),
    one(5, "tolerationSeconds", Given),
];
const HOST_ALIAS: Message = &[one(1, "ip", Text), many(2, "hostnames", Text)];
const POD_DNS_CONFIG_OPTION: Message = &[one(1, "name", Text), one(2, "value", Text)];
const POD_DNS_CONFIG: Message = &[
    many(1, "nameservers", Text),
    many(2, "searches", Text),
    many(3, "options", GivenOf(POD_DNS_CONFIG_OPTION)),
];
const POD_READINESS_GATE: Message = &[one(1, "conditionType", Text)];
const TOPOLOGY_SPREAD_CONSTRAINT: Message = &[
    one(1, "maxSkew", Number),
    one(2, "topologyKey", Text),
    one(3, "whenUnsatisfiable", Text),
    one(4, "labelSelector", GivenOf(LABEL_SELECTOR)),
    one(5, "minDomains", Given),
    one(6, "nodeAffinityPolicy", Text),
    one(7, "nodeTaintsPolicy", Text),
    many(8, "matchLabelKeys", Text),
];
const EPHEMERAL_CONTAINER_COMMON: Message = &[
    one(1, "name", Text),
    one(2, "image", Text),
    many(3, "command", Text),
    many(4, "args", Text),
    one(5, "workingDir", Text),
    many(6, "ports", GivenOf(CONTAINER_PORT)),
    many(7, "env", GivenOf(ENV_VAR)),
    one(8, "resources", Of(RESOURCE_REQUIREMENTS)),
    many(9, "volumeMounts", GivenOf(VOLUME_MOUNT)),
    one(10, "livenessProbe", GivenOf(PROBE)),
    one(11, "readinessProbe", GivenOf(PROBE)),
    one(12, "lifecycle", GivenOf(LIFECYCLE)),
    one(13, "terminationMessagePath", Text),
    one(14, "imagePullPolicy", Text),
    one(15, "securityContext", GivenOf(SECURITY_CONTEXT)),
    one(16, "stdin", Flag),
    one(17, "stdinOnce", Flag),
    one(18, "tty", Flag),
    many(19, "envFrom", GivenOf(ENV_FROM_SOURCE)),
    one(20, "terminationMessagePolicy", Text),
    many(21, "volumeDevices", GivenOf(VOLUME_DEVICE)),
    one(22, "startupProbe", GivenOf(PROBE)),
    many(23, "resizePolicy", GivenOf(CONTAINER_RESIZE_POLICY)),
    one(24, "restartPolicy", Text),
    many(25, "restartPolicyRules", GivenOf(CONTAINER_RESTART_RULE)),
];
const EPHEMERAL_CONTAINER: Message =
    &[one(1, "", Inline(EPHEMERAL_CONTAINER_COMMON)), one(2, "targetContainerName", Text)];
const POD_OS: Message = &[one(1, "name", Text)];
const POD_SCHEDULING_GATE: Message = &[one(1, "name", Text)];
const POD_RESOURCE_CLAIM: Message = &[
    one(1, "name", Text),
    one(3, "resourceClaimName", Text),
    one(4, "resourceClaimTemplateName", Text),
];
const POD_SCHEDULING_GROUP: Message = &[one(1, "podGroupName", Text)];
const EVICTION_RESPONDER: Message = &[one(1, "name", Text), one(2, "priority", Given)];
const POD_SPEC: Message = &[
    many(1, "volumes", GivenOf(VOLUME)),
    many(2, "containers", GivenOf(CONTAINER)),
    one(3, "restartPolicy", Text),
    one(4, "terminationGracePeriodSeconds", Given),
    one(5, "activeDeadlineSeconds", Given),
    one(6, "dnsPolicy", Text),
    one(7, "nodeSelector", Map(&Text)),
    one(8, "serviceAccountName", Text),
    one(9, "serviceAccount", Text),
    one(10, "nodeName", Text),
    one(11, "hostNetwork", Flag),
    one(12, "hostPID", Flag),
    one(13, "hostIPC", Flag),
    one(14, "securityContext", GivenOf(POD_SECURITY_CONTEXT)),
    many(15, "imagePullSecrets", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(16, "hostname", Text),
    one(17, "subdomain", Text),
    one(18, "affinity", GivenOf(AFFINITY)),
    one(19, "schedulerName", Text),
    many(20, "initContainers", GivenOf(CONTAINER)),
    one(21, "automountServiceAccountToken", GivenFlag),
    many(22, "tolerations", GivenOf(TOLERATION)),
    many(23, "hostAliases", GivenOf(HOST_ALIAS)),
    one(24, "priorityClassName", Text),
    one(25, "priority", Given),
    one(26, "dnsConfig", GivenOf(POD_DNS_CONFIG)),
    one(27, "shareProcessNamespace", GivenFlag),
    many(28, "readinessGates", GivenOf(POD_READINESS_GATE)),
    one(29, "runtimeClassName", Text),
    one(30, "enableServiceLinks", GivenFlag),
    one(31, "preemptionPolicy", Text),
    one(32, "overhead", Map(&Quantity)),
    many(33, "topologySpreadConstraints", GivenOf(TOPOLOGY_SPREAD_CONSTRAINT)),
    many(34, "ephemeralContainers", GivenOf(EPHEMERAL_CONTAINER)),
    one(35, "setHostnameAsFQDN", GivenFlag),
    one(36, "os", GivenOf(POD_OS)),
    one(37, "hostUsers", GivenFlag),
    many(38, "schedulingGates", GivenOf(POD_SCHEDULING_GATE)),
    many(39, "resourceClaims", GivenOf(POD_RESOURCE_CLAIM)),
    one(40, "resources", GivenOf(RESOURCE_REQUIREMENTS)),
    one(41, "hostnameOverride", Text),
    one(43, "schedulingGroup", GivenOf(POD_SCHEDULING_GROUP)),
    many(44, "evictionResponders", GivenOf(EVICTION_RESPONDER)),
];
const POD_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(3, "lastProbeTime", Time),
    one(4, "lastTransitionTime", Time),
    one(5, "reason", Text),
    one(6, "message", Text),
    one(7, "observedGeneration", Number),
];
const CONTAINER_STATE_WAITING: Message = &[one(1, "reason", Text), one(2, "message", Text)];
const CONTAINER_STATE_RUNNING: Message = &[one(1, "startedAt", Time)];
const CONTAINER_STATE_TERMINATED: Message = &[
    one(1, "exitCode", Number),
    one(2, "signal", Number),
    one(3, "reason", Text),
    one(4, "message", Text),
    one(5, "startedAt", Time),
    one(6, "finishedAt", Time),
    one(7, "containerID", Text),
];
const CONTAINER_STATE: Message = &[
    one(1, "waiting", GivenOf(CONTAINER_STATE_WAITING)),
    one(2, "running", GivenOf(CONTAINER_STATE_RUNNING)),
    one(3, "terminated", GivenOf(CONTAINER_STATE_TERMINATED)),
];
const IMAGE_VOLUME_STATUS: Message = &[one(1, "imageRef", Text)];
const VOLUME_STATUS: Message = &[one(1, "image", GivenOf(IMAGE_VOLUME_STATUS))];
const VOLUME_MOUNT_STATUS: Message = &[
    one(1, "name", Text),
    one(2, "mountPath", Text),
    one(3, "readOnly", Flag),
    one(4, "recursiveReadOnly", Text),
    one(5, "volumeStatus", GivenOf(VOLUME_STATUS)),
];
const LINUX_CONTAINER_USER: Message =
    &[one(1, "uid", Number), one(2, "gid", Number), many(3, "supplementalGroups", Given)];
const CONTAINER_USER: Message = &[one(1, "linux", GivenOf(LINUX_CONTAINER_USER))];
const RESOURCE_HEALTH: Message =
    &[one(1, "resourceID", Text), one(2, "health", Text), one(6, "message", Text)];
const RESOURCE_STATUS: Message =
    &[one(1, "name", Text), many(2, "resources", GivenOf(RESOURCE_HEALTH))];
const CONTAINER_STATUS: Message = &[
    one(1, "name", Text),
    one(2, "state", Of(CONTAINER_STATE)),
    one(3, "lastState", Of(CONTAINER_STATE)),
    one(4, "ready", Flag),
    one(5, "restartCount", Number),
    one(6, "image", Text),
    one(7, "imageID", Text),
    one(8, "containerID", Text),
    one(9, "started", GivenFlag),
    one(10, "allocatedResources", Map(&Quantity)),
    one(11, "resources", GivenOf(RESOURCE_REQUIREMENTS)),
    many(12, "volumeMounts", GivenOf(VOLUME_MOUNT_STATUS)),
    one(13, "user", GivenOf(CONTAINER_USER)),
    many(14, "allocatedResourcesStatus", GivenOf(RESOURCE_STATUS)),
    one(15, "stopSignal", Text),
];
const POD_IP: Message = &[one(1, "ip", Text)];
const POD_RESOURCE_CLAIM_STATUS: Message =
    &[one(1, "name", Text), one(2, "resourceClaimName", Text)];
const HOST_IP: Message = &[one(1, "ip", Text)];
const CONTAINER_EXTENDED_RESOURCE_REQUEST: Message =
    &[one(1, "containerName", Text), one(2, "resourceName", Text), one(3, "requestName", Text)];
const POD_EXTENDED_RESOURCE_CLAIM_STATUS: Message = &[
    many(1, "requestMappings", GivenOf(CONTAINER_EXTENDED_RESOURCE_REQUEST)),
    one(2, "resourceClaimName", Text),
];
const NODE_ALLOCATABLE_MAPPED_RESOURCES: Message =
    &[one(1, "name", Text), one(2, "quantity", Quantity)];
const NODE_ALLOCATABLE_OVERHEAD_RESOURCES: Message =
    &[one(1, "name", Text), one(2, "perPod", Quantity), one(3, "perContainer", Quantity)];
const NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS: Message = &[
    one(1, "resourceClaimName", Text),
    many(2, "containers", Text),
    many(4, "mapping", GivenOf(NODE_ALLOCATABLE_MAPPED_RESOURCES)),
    many(5, "overhead", GivenOf(NODE_ALLOCATABLE_OVERHEAD_RESOURCES)),
];
const VOLUME_HEALTH_CONDITION: Message =
    &[one(1, "status", Text), one(2, "reason", Text), one(3, "message", Text)];
const POD_VOLUME_HEALTH: Message = &[
    one(1, "name", Text),
    many(2, "healthConditions", GivenOf(VOLUME_HEALTH_CONDITION)),
    one(3, "lastTransitionTime", Time),
];
const POD_STATUS: Message = &[
    one(1, "phase", Text),
    many(2, "conditions", GivenOf(POD_CONDITION)),
    one(3, "message", Text),
    one(4, "reason", Text),
    one(5, "hostIP", Text),
    one(6, "podIP", Text),
    one(7, "startTime", Time),
    many(8, "containerStatuses", GivenOf(CONTAINER_STATUS)),
    one(9, "qosClass", Text),
    many(10, "initContainerStatuses", GivenOf(CONTAINER_STATUS)),
    one(11, "nominatedNodeName", Text),
    many(12, "podIPs", GivenOf(POD_IP)),
    many(13, "ephemeralContainerStatuses", GivenOf(CONTAINER_STATUS)),
    one(14, "resize", Text),
    many(15, "resourceClaimStatuses", GivenOf(POD_RESOURCE_CLAIM_STATUS)),
    many(16, "hostIPs", GivenOf(HOST_IP)),
    one(17, "observedGeneration", Number),
    one(18, "extendedResourceClaimStatus", GivenOf(POD_EXTENDED_RESOURCE_CLAIM_STATUS)),
    one(19, "allocatedResources", Map(&Quantity)),
    one(20, "resources", GivenOf(RESOURCE_REQUIREMENTS)),
    many(
        21,
        "nodeAllocatableResourceClaimStatuses",
        GivenOf(NODE_ALLOCATABLE_RESOURCE_CLAIM_STATUS),
    ),
    many(22, "volumeHealth", GivenOf(POD_VOLUME_HEALTH)),
];
pub(super) const POD: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(POD_SPEC)),
    one(3, "status", Of(POD_STATUS)),
];
const SERVICE_PORT: Message = &[
    one(1, "name", Text),
    one(2, "protocol", Text),
    one(3, "port", Number),
    one(4, "targetPort", NumberOrText),
    one(5, "nodePort", Number),
    one(6, "appProtocol", Text),
];
const CLIENT_IP_CONFIG: Message = &[one(1, "timeoutSeconds", Given)];
const SESSION_AFFINITY_CONFIG: Message = &[one(1, "clientIP", GivenOf(CLIENT_IP_CONFIG))];
const SERVICE_SPEC: Message = &[
    many(1, "ports", GivenOf(SERVICE_PORT)),
    one(2, "selector", Map(&Text)),
    one(3, "clusterIP", Text),
    one(4, "type", Text),
    many(5, "externalIPs", Text),
    one(7, "sessionAffinity", Text),
    one(8, "loadBalancerIP", Text),
    many(9, "loadBalancerSourceRanges", Text),
    one(10, "externalName", Text),
    one(11, "externalTrafficPolicy", Text),
    one(12, "healthCheckNodePort", Number),
    one(13, "publishNotReadyAddresses", Flag),
    one(14, "sessionAffinityConfig", GivenOf(SESSION_AFFINITY_CONFIG)),
    one(17, "ipFamilyPolicy", Text),
    many(18, "clusterIPs", Text),
    many(19, "ipFamilies", Text),
    one(20, "allocateLoadBalancerNodePorts", GivenFlag),
    one(21, "loadBalancerClass", Text),
    one(22, "internalTrafficPolicy", Text),
    one(23, "trafficDistribution", Text),
];
const PORT_STATUS: Message =
    &[one(1, "port", Number), one(2, "protocol", Text), one(3, "error", Text)];
const LOAD_BALANCER_INGRESS: Message = &[
    one(1, "ip", Text),
    one(2, "hostname", Text),
    one(3, "ipMode", Text),
    many(4, "ports", GivenOf(PORT_STATUS)),
];
const LOAD_BALANCER_STATUS: Message = &[many(1, "ingress", GivenOf(LOAD_BALANCER_INGRESS))];
const CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(3, "observedGeneration", Number),
    one(4, "lastTransitionTime", Time),
    one(5, "reason", Text),
    one(6, "message", Text),
];
const SERVICE_STATUS: Message =
    &[one(1, "loadBalancer", Of(LOAD_BALANCER_STATUS)), many(2, "conditions", GivenOf(CONDITION))];
pub(super) const SERVICE: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(SERVICE_SPEC)),
    one(3, "status", Of(SERVICE_STATUS)),
];
const OBJECT_REFERENCE: Message = &[
    one(1, "kind", Text),
    one(2, "namespace", Text),
    one(3, "name", Text),
    one(4, "uid", Text),
    one(5, "apiVersion", Text),
    one(6, "resourceVersion", Text),
    one(7, "fieldPath", Text),
];
pub(super) const SERVICE_ACCOUNT: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    many(2, "secrets", GivenOf(OBJECT_REFERENCE)),
    many(3, "imagePullSecrets", GivenOf(LOCAL_OBJECT_REFERENCE)),
    one(4, "automountServiceAccountToken", GivenFlag),
];
pub(super) const SECRET: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "data", Map(&Kind::Bytes)),
    one(3, "type", Text),
    one(4, "stringData", Map(&Text)),
    one(5, "immutable", GivenFlag),
];
pub(super) const CONFIG_MAP: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "data", Map(&Text)),
    one(3, "binaryData", Map(&Kind::Bytes)),
    one(4, "immutable", GivenFlag),
];
const EVENT_SOURCE: Message = &[one(1, "component", Text), one(2, "host", Text)];
const EVENT_SERIES: Message = &[one(1, "count", Number), one(2, "lastObservedTime", MicroTime)];
pub(super) const EVENT: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "involvedObject", Of(OBJECT_REFERENCE)),
    one(3, "reason", Text),
    one(4, "message", Text),
    one(5, "source", Of(EVENT_SOURCE)),
    one(6, "firstTimestamp", Time),
    one(7, "lastTimestamp", Time),
    one(8, "count", Number),
    one(9, "type", Text),
    one(10, "eventTime", MicroTime),
    one(11, "series", GivenOf(EVENT_SERIES)),
    one(12, "action", Text),
    one(13, "related", GivenOf(OBJECT_REFERENCE)),
    one(14, "reportingComponent", Text),
    one(15, "reportingInstance", Text),
];
/// The same of `events.k8s.io`.
pub(super) const NEWER_EVENT: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "eventTime", MicroTime),
    one(3, "series", GivenOf(EVENT_SERIES)),
    one(4, "reportingController", Text),
    one(5, "reportingInstance", Text),
    one(6, "action", Text),
    one(7, "reason", Text),
    one(8, "regarding", Of(OBJECT_REFERENCE)),
    one(9, "related", GivenOf(OBJECT_REFERENCE)),
    one(10, "note", Text),
    one(11, "type", Text),
    one(12, "deprecatedSource", Of(EVENT_SOURCE)),
    one(13, "deprecatedFirstTimestamp", Time),
    one(14, "deprecatedLastTimestamp", Time),
    one(15, "deprecatedCount", Number),
];
const POD_TEMPLATE_SPEC: Message =
    &[one(1, "metadata", Of(OBJECT_META)), one(2, "spec", Of(POD_SPEC))];
const ROLLING_UPDATE_DEPLOYMENT: Message =
    &[one(1, "maxUnavailable", NumberOrText), one(2, "maxSurge", NumberOrText)];
const DEPLOYMENT_STRATEGY: Message =
    &[one(1, "type", Text), one(2, "rollingUpdate", GivenOf(ROLLING_UPDATE_DEPLOYMENT))];
const DEPLOYMENT_SPEC: Message = &[
    one(1, "replicas", Given),
    one(2, "selector", GivenOf(LABEL_SELECTOR)),
    one(3, "template", Of(POD_TEMPLATE_SPEC)),
    one(4, "strategy", Of(DEPLOYMENT_STRATEGY)),
    one(5, "minReadySeconds", Number),
    one(6, "revisionHistoryLimit", Given),
    one(7, "paused", Flag),
    one(9, "progressDeadlineSeconds", Given),
];
const DEPLOYMENT_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(4, "reason", Text),
    one(5, "message", Text),
    one(6, "lastUpdateTime", Time),
    one(7, "lastTransitionTime", Time),
];
const DEPLOYMENT_STATUS: Message = &[
    one(1, "observedGeneration", Number),
    one(2, "replicas", Number),
    one(3, "updatedReplicas", Number),
    one(4, "availableReplicas", Number),
    one(5, "unavailableReplicas", Number),
    many(6, "conditions", GivenOf(DEPLOYMENT_CONDITION)),
    one(7, "readyReplicas", Number),
    one(8, "collisionCount", Given),
    one(9, "terminatingReplicas", Given),
];
pub(super) const DEPLOYMENT: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(DEPLOYMENT_SPEC)),
    one(3, "status", Of(DEPLOYMENT_STATUS)),
];
const REPLICA_SET_SPEC: Message = &[
    one(1, "replicas", Given),
    one(2, "selector", GivenOf(LABEL_SELECTOR)),
    one(3, "template", Of(POD_TEMPLATE_SPEC)),
    one(4, "minReadySeconds", Number),
];
const REPLICA_SET_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(3, "lastTransitionTime", Time),
    one(4, "reason", Text),
    one(5, "message", Text),
];
const REPLICA_SET_STATUS: Message = &[
    one(1, "replicas", Number),
    one(2, "fullyLabeledReplicas", Number),
    one(3, "observedGeneration", Number),
    one(4, "readyReplicas", Number),
    one(5, "availableReplicas", Number),
    many(6, "conditions", GivenOf(REPLICA_SET_CONDITION)),
    one(7, "terminatingReplicas", Given),
];
pub(super) const REPLICA_SET: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(REPLICA_SET_SPEC)),
    one(3, "status", Of(REPLICA_SET_STATUS)),
];
const POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT: Message =
    &[one(1, "containerName", Text), one(2, "operator", Text), many(3, "values", Given)];
const POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN: Message =
    &[one(1, "type", Text), one(2, "status", Text)];
const POD_FAILURE_POLICY_RULE: Message = &[
    one(1, "action", Text),
    one(2, "onExitCodes", GivenOf(POD_FAILURE_POLICY_ON_EXIT_CODES_REQUIREMENT)),
    many(3, "onPodConditions", GivenOf(POD_FAILURE_POLICY_ON_POD_CONDITIONS_PATTERN)),
];
const POD_FAILURE_POLICY: Message = &[many(1, "rules", GivenOf(POD_FAILURE_POLICY_RULE))];
const SUCCESS_POLICY_RULE: Message =
    &[one(1, "succeededIndexes", Text), one(2, "succeededCount", Given)];
const SUCCESS_POLICY: Message = &[many(1, "rules", GivenOf(SUCCESS_POLICY_RULE))];
const JOB_SCHEDULING_CONFIGURATION: Message = &[];
const JOB_SPEC: Message = &[
    one(1, "parallelism", Given),
    one(2, "completions", Given),
    one(3, "activeDeadlineSeconds", Given),
    one(4, "selector", GivenOf(LABEL_SELECTOR)),
    one(5, "manualSelector", GivenFlag),
    one(6, "template", Of(POD_TEMPLATE_SPEC)),
    one(7, "backoffLimit", Given),
    one(8, "ttlSecondsAfterFinished", Given),
    one(9, "completionMode", Text),
    one(10, "suspend", GivenFlag),
    one(11, "podFailurePolicy", GivenOf(POD_FAILURE_POLICY)),
    one(12, "backoffLimitPerIndex", Given),
    one(13, "maxFailedIndexes", Given),
    one(14, "podReplacementPolicy", Text),
    one(15, "managedBy", Text),
    one(16, "successPolicy", GivenOf(SUCCESS_POLICY)),
    one(17, "scheduling", GivenOf(JOB_SCHEDULING_CONFIGURATION)),
];
const JOB_CONDITION: Message = &[
    one(1, "type", Text),
    one(2, "status", Text),
    one(3, "lastProbeTime", Time),
    one(4, "lastTransitionTime", Time),
    one(5, "reason", Text),
    one(6, "message", Text),
];
const UNCOUNTED_TERMINATED_PODS: Message = &[many(1, "succeeded", Text), many(2, "failed", Text)];
const JOB_STATUS: Message = &[
    many(1, "conditions", GivenOf(JOB_CONDITION)),
    one(2, "startTime", Time),
    one(3, "completionTime", Time),
    one(4, "active", Number),
    one(5, "succeeded", Number),
    one(6, "failed", Number),
    one(7, "completedIndexes", Text),
    one(8, "uncountedTerminatedPods", GivenOf(UNCOUNTED_TERMINATED_PODS)),
    one(9, "ready", Given),
    one(10, "failedIndexes", Text),
    one(11, "terminating", Given),
];
pub(super) const JOB: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    one(2, "spec", Of(JOB_SPEC)),
    one(3, "status", Of(JOB_STATUS)),
];
const LEASE_SPEC: Message = &[
    one(1, "holderIdentity", Text),
    one(2, "leaseDurationSeconds", Given),
    one(3, "acquireTime", MicroTime),
    one(4, "renewTime", MicroTime),
    one(5, "leaseTransitions", Given),
    one(6, "strategy", Text),
    one(7, "preferredHolder", Text),
];
pub(super) const LEASE: Message =
    &[one(1, "metadata", Of(OBJECT_META)), one(2, "spec", Of(LEASE_SPEC))];
const ENDPOINT_CONDITIONS: Message =
    &[one(1, "ready", GivenFlag), one(2, "serving", GivenFlag), one(3, "terminating", GivenFlag)];
const FOR_ZONE: Message = &[one(1, "name", Text)];
const FOR_NODE: Message = &[one(1, "name", Text)];
const ENDPOINT_HINTS: Message =
    &[many(1, "forZones", GivenOf(FOR_ZONE)), many(2, "forNodes", GivenOf(FOR_NODE))];
const ENDPOINT: Message = &[
    many(1, "addresses", Text),
    one(2, "conditions", Of(ENDPOINT_CONDITIONS)),
    one(3, "hostname", Text),
    one(4, "targetRef", GivenOf(OBJECT_REFERENCE)),
    one(5, "deprecatedTopology", Map(&Text)),
    one(6, "nodeName", Text),
    one(7, "zone", Text),
    one(8, "hints", GivenOf(ENDPOINT_HINTS)),
];
const ENDPOINT_PORT: Message = &[
    one(1, "name", Text),
    one(2, "protocol", Text),
    one(3, "port", Given),
    one(4, "appProtocol", Text),
];
pub(super) const ENDPOINT_SLICE: Message = &[
    one(1, "metadata", Of(OBJECT_META)),
    many(2, "endpoints", GivenOf(ENDPOINT)),
    many(3, "ports", GivenOf(ENDPOINT_PORT)),
    one(4, "addressType", Text),
];
