"""Rights in AWS's IAM, each with what needs it. Data, put together in `iam_policy`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """One action. `documented`: not seen in a test against moto with provider 3.39, but told by
    AWS's documentation (of what a call takes besides its own right), or by the provider's (of what
    its newer versions call)."""

    action: str
    why: str
    documented: bool = False


def _rights(service: str, why: str, *names: str, documented: bool = False) -> tuple[Right, ...]:
    return tuple(Right(f"{service}:{name}", why, documented) for name in names)


def _besides(service: str, why: str, *names: str) -> tuple[Right, ...]:
    return _rights(service, why, *names, documented=True)


_BUCKET = "the bucket of the states is made, and held to its settings, by every `up`"
BUCKET = (
    *_rights("s3", _BUCKET, "CreateBucket", "ListBucket", "PutBucketVersioning"),
    *_rights("s3", _BUCKET, "PutEncryptionConfiguration", "PutBucketPublicAccessBlock"),
    *_rights("s3", _BUCKET, "PutLifecycleConfiguration"),
    *_rights("s3", "`audit verify`, `down --purge`: what was kept once", "ListBucketVersions"),
    *_rights("s3", "`down --purge`", "DeleteBucket"),
    *_besides("s3", "`backup`: what was cut short", "ListBucketMultipartUploads"),
)
_STATE = "states, their locks, the cluster's lock, the audit log's head"
OBJECTS = (
    *_rights("s3", _STATE, "GetObject", "PutObject", "DeleteObject"),
    *_rights("s3", "`audit verify`: heads that were kept once", "GetObjectVersion"),
    *_rights("s3", "`down --purge`, `backup`: what is no longer kept", "DeleteObjectVersion"),
    *_besides("s3", "`backup`: what was cut short", "AbortMultipartUpload"),
)

_LOOK = "`up` and `plan` compare what is there with what the file says; `status` shows it"
EC2_LOOK = (
    *_rights("ec2", _LOOK, "DescribeAccountAttributes", "DescribeAddresses", "DescribeImages"),
    *_rights("ec2", _LOOK, "DescribeInstanceAttribute", "DescribeInstanceCreditSpecifications"),
    *_rights("ec2", _LOOK, "DescribeInstances", "DescribeInternetGateways", "DescribeKeyPairs"),
    *_rights("ec2", _LOOK, "DescribeNetworkAcls", "DescribeRouteTables", "DescribeSecurityGroups"),
    *_rights("ec2", _LOOK, "DescribeSubnets", "DescribeVolumes", "DescribeVpcAttribute"),
    *_rights("ec2", _LOOK, "DescribeVpcClassicLink", "DescribeVpcClassicLinkDnsSupport"),
    *_rights("ec2", _LOOK, "DescribeVpcs", "DescribeNetworkInterfaces"),
    *_rights("ec2", "waits until a larger root volume is there", "DescribeVolumesModifications"),
    *_besides("ec2", "`recover`: is a silent manager impaired", "DescribeInstanceStatus"),
    *_besides("ec2", "the provider from 5.46 on, for each address", "DescribeAddressesAttribute"),
    *_besides("ec2", "the provider from 5.4 on, for each rule", "DescribeSecurityGroupRules"),
    *_besides(
        "ec2", "the provider from 4 on, for each instance", "DescribeInstanceTypes", "DescribeTags"
    ),
)
NAT_LOOK = _rights("ec2", "workers behind NAT: its gateways", "DescribeNatGateways")

_MAKE = "`up` makes the network and the nodes, each tagged with the cluster's name"
_WITHIN = (
    *_rights("ec2", _MAKE, "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet"),
    *_rights("ec2", "`up`, `node replace`", "RunInstances"),
)
EC2_MAKE = (
    *_WITHIN,
    *_rights("ec2", _MAKE, "AllocateAddress", "CreateInternetGateway", "CreateVpc"),
    *_rights("ec2", "the cluster's SSH key", "ImportKeyPair"),
)
EC2_MAKE_WITHIN = _WITHIN
RUN = _rights("ec2", "a node's image, volume and interface", "RunInstances")
TAG = _rights("ec2", "tags in the same call that makes something", "CreateTags")
NAT_MAKE = _rights("ec2", "workers behind NAT: a gateway per zone", "CreateNatGateway")
_CHANGE = "`up` follows the file"
_DOWN = "`down`, and `up` where the file has less than before"
EC2_CHANGE = (
    *_rights("ec2", _CHANGE, "AssociateAddress", "AssociateRouteTable", "AttachInternetGateway"),
    *_rights("ec2", _CHANGE, "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress"),
    *_rights("ec2", _CHANGE, "CreateRoute", "ModifyVpcAttribute"),
    *_rights("ec2", _CHANGE, "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
    *_rights("ec2", "another type of node", "ModifyInstanceAttribute", "StartInstances"),
    *_rights("ec2", "another type of node", "StopInstances"),
    *_besides("ec2", "tags or metadata options that somebody changed by hand", "CreateTags"),
    *_besides("ec2", "tags or metadata options that somebody changed by hand", "DeleteTags"),
    *_besides("ec2", "the same", "ModifyInstanceMetadataOptions", "ModifySubnetAttribute"),
    *_rights("ec2", _DOWN, "DeleteInternetGateway", "DeleteKeyPair", "DeleteRoute"),
    *_rights("ec2", _DOWN, "DeleteRouteTable", "DeleteSecurityGroup", "DeleteSubnet"),
    *_rights("ec2", _DOWN, "DeleteVpc", "DetachInternetGateway", "DisassociateAddress"),
    *_rights("ec2", _DOWN, "DisassociateRouteTable", "ReleaseAddress", "TerminateInstances"),
)
CONSOLE = _besides(
    "ec2", "an operator compares a node's host key with the log of its boot", "GetConsoleOutput"
)
NAT_CHANGE = _rights("ec2", _DOWN, "DeleteNatGateway")
INTERFACES = (
    *_besides("ec2", "the interface between an address and its node", "AssociateAddress"),
    *_besides("ec2", "the interface between an address and its node", "DisassociateAddress"),
)
VOLUMES = _rights("ec2", "a larger root volume", "ModifyVolume")

_ROLE = "roles of managers and workers, by which rights can be given to running nodes"
ROLES = (
    *_rights("iam", _ROLE, "CreateRole", "DeleteRole", "GetRole", "ListAttachedRolePolicies"),
    *_rights("iam", _ROLE, "ListInstanceProfilesForRole", "ListRolePolicies"),
    *_rights("iam", "tags of a role in the call that makes it", "TagRole"),
)
ROLE_POLICIES = _rights(
    "iam",
    "the managers' rights in Amazon ECR, and to put backups",
    *("DeleteRolePolicy", "GetRolePolicy", "PutRolePolicy"),
)
PROFILES = (
    *_rights("iam", _ROLE, "AddRoleToInstanceProfile", "CreateInstanceProfile"),
    *_rights("iam", _ROLE, "DeleteInstanceProfile", "GetInstanceProfile"),
    *_rights("iam", _ROLE, "RemoveRoleFromInstanceProfile", "TagInstanceProfile"),
)
PASS = _rights("iam", "a node is given its role", "PassRole")
LINKED_ROLES = _besides(
    "iam", "the account's first file system or database: AWS's own role", "CreateServiceLinkedRole"
)

_AWS_BACKUP = "backups.aws_backup_days: AWS Backup of the shared files"
BACKUP_ROLE = (
    *_besides("iam", _AWS_BACKUP, "CreateRole", "DeleteRole", "GetRole", "TagRole"),
    *_besides("iam", _AWS_BACKUP, "ListAttachedRolePolicies", "ListRolePolicies"),
    *_besides("iam", _AWS_BACKUP, "ListInstanceProfilesForRole"),
)
BACKUP_ROLE_POLICIES = _besides("iam", _AWS_BACKUP, "AttachRolePolicy", "DetachRolePolicy")
BACKUP_PASS = _besides("iam", _AWS_BACKUP, "PassRole")
BACKUP_PLANS = (
    *_besides("backup", _AWS_BACKUP, "CreateBackupPlan", "CreateBackupSelection"),
    *_besides("backup", _AWS_BACKUP, "DeleteBackupPlan", "DeleteBackupSelection", "GetBackupPlan"),
    *_besides("backup", _AWS_BACKUP, "GetBackupSelection", "ListTags", "TagResource"),
    *_besides("backup", _AWS_BACKUP, "UpdateBackupPlan"),
)
BACKUP_VAULT = _besides("backup", _AWS_BACKUP, "CreateBackupVault")
BACKUP_STORAGE = _besides("backup-storage", _AWS_BACKUP, "MountCapsule")
BACKUP_KEY = _besides(
    "kms",
    "AWS's own key of a backup vault",
    *("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"),
)
BACKUP_GRANTS = _besides("kms", "AWS's own key of a backup vault", "RetireGrant")

_EFS = "the shared files"
EFS_MAKE = _rights("elasticfilesystem", _EFS, "CreateFileSystem")
EFS_TAG = _rights("elasticfilesystem", "tags in the call that makes them", "TagResource")
EFS = (
    *_rights("elasticfilesystem", _EFS, "CreateMountTarget"),
    *_rights("elasticfilesystem", "`down`", "DeleteFileSystem", "DeleteMountTarget"),
    *_besides("elasticfilesystem", "settings changed by hand", "PutLifecycleConfiguration"),
    *_besides("elasticfilesystem", "settings changed by hand", "ModifyMountTargetSecurityGroups"),
)
EFS_LOOK = (
    *_rights("elasticfilesystem", _LOOK, "DescribeFileSystems", "DescribeLifecycleConfiguration"),
    *_rights("elasticfilesystem", _LOOK, "DescribeMountTargetSecurityGroups"),
    *_rights("elasticfilesystem", _LOOK, "DescribeMountTargets"),
    *_besides("elasticfilesystem", _LOOK, "ListTagsForResource"),
)
EFS_INTERFACES = (
    *_rights("ec2", "a mount target's interface", "CreateNetworkInterface"),
    *_rights("ec2", "a mount target's interface", "DeleteNetworkInterface"),
    *_besides("ec2", "a mount target's interface", "ModifyNetworkInterfaceAttribute"),
)

_RDS = "the database"
RDS = (
    *_rights("rds", _RDS, "AddTagsToResource", "CreateDBInstance", "CreateDBParameterGroup"),
    *_rights("rds", _RDS, "CreateDBSubnetGroup", "ModifyDBParameterGroup"),
    *_rights("rds", "settings, and the administrator's password", "ModifyDBInstance"),
    *_rights("rds", "`down`: the last snapshot", "CreateDBSnapshot"),
    *_rights("rds", "`down`", "DeleteDBInstance", "DeleteDBSubnetGroup"),
    *_rights("rds", "`down`, another version", "DeleteDBParameterGroup"),
    *_rights("rds", "`down --purge`", "DeleteDBSnapshot"),
    *_besides("rds", "settings changed by hand", "RemoveTagsFromResource"),
    *_besides("rds", "settings changed by hand", "ModifyDBSubnetGroup", "ResetDBParameterGroup"),
)
RDS_LOOK = (
    *_rights("rds", _LOOK, "DescribeDBInstances", "DescribeDBParameterGroups"),
    *_rights("rds", _LOOK, "DescribeDBParameters", "DescribeDBSubnetGroups"),
    *_rights("rds", _LOOK, "ListTagsForResource"),
    *_rights("rds", "`down` lists what it keeps", "DescribeDBSnapshots"),
)

RECORDS = _rights("route53", "the domain's records, and no others", "ChangeResourceRecordSets")
ZONES = (
    *_rights("route53", "the zone is found by its name", "ListHostedZones"),
    *_besides("route53", "the provider from 6 on", "ListHostedZonesByName"),
)
ZONE = _rights(
    "route53", _LOOK, "GetChange", "GetHostedZone", "ListResourceRecordSets", "ListTagsForResource"
)

_ECR = "`deploy`: images in Amazon ECR"
ECR_SIGN_IN = _rights("ecr", _ECR, "GetAuthorizationToken")
ECR_PULL = _besides(
    "ecr", _ECR, "BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"
)
ECR_PUSH = _besides(
    *("ecr", _ECR, "CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart"),
)
