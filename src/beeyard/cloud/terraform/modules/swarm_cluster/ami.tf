locals {
  debian_architectures = { x86_64 = "amd64", arm64 = "arm64" }
  ami_id               = var.ami_id != null ? var.ami_id : one(data.aws_ami.debian[*].id)
}

# Debian's own account: https://wiki.debian.org/Cloud/AmazonEC2Image
data "aws_ami" "debian" {
  count = var.ami_id == null ? 1 : 0

  most_recent = true
  owners      = ["136693071363"]

  filter {
    name   = "name"
    values = ["debian-12-${local.debian_architectures[var.architecture]}-*"]
  }

  filter {
    name   = "architecture"
    values = [var.architecture]
  }
}
