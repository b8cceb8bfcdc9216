# No policy is attached: nothing on a node calls AWS. The profile exists so that rights can be added to running nodes.
resource "aws_iam_role" "node" {
  name_prefix = "${var.name}-node-"
  description = "Nodes of the swarm ${var.name}: no rights."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })

  tags = { Name = "${var.name}-node" }
}

resource "aws_iam_instance_profile" "node" {
  name_prefix = "${var.name}-node-"
  role        = aws_iam_role.node.name

  tags = { Name = "${var.name}-node" }
}
